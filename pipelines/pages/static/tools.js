// Small helpers. Whatever comes from the dataset reaches the page as text nodes and attributes, never as HTML.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null));
  return node;
}

const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const byId = (id) => document.getElementById(id);
const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
const shown = (score) => (score == null ? "" : score.toFixed(2));

const DATA = JSON.parse(byId("data").textContent);

function said(origin) {
  const { model, round } = DATA.origins[origin];
  return round ? `${model}, round ${round}` : model;
}

// A region's chosen label, else its first.
const nameOf = (region) => region.labels[region.best ?? 0]?.text ?? "";
