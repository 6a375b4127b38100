// One image, large, with all that is said of it; or two steps of it side by side.
const viewer = byId("viewer");
let among = [];
let at = 0;
let comparing = false;
let left = VIEWS.length > 1 ? VIEWS.at(-2) : null;

function half(image, name, otherName) {
  const view = image.views[name] ?? NOTHING;
  const other = otherName && (image.views[otherName] ?? NOTHING);
  const stage = picture(image, view, true, other);
  const only = stage.querySelectorAll(".changed").length;
  const head = other ? make("h3", {}, name, make("span", { class: "quiet" }, ` ${plural(only, "region")} only here`)) : null;
  const node = make("div", { class: "half", "data-view": name }, head, stage, tell(image, view, name));
  link(node);
  return node;
}

function control(label, action, attributes = {}) {
  return make("button", { type: "button", onclick: action, ...attributes }, label);
}

function choice() {
  const options = VIEWS.map((name) => make("option", { value: name, selected: name === left }, name));
  return make("select", { "aria-label": "Compare with", id: "left", onchange: (event) => { left = event.target.value; show(); } }, options);
}

function show(focus) {
  const image = among[at];
  const bar = make("div", { class: "bar" },
    control("‹", () => step(-1), { "aria-label": "Previous image", id: "previous" }),
    control("›", () => step(1), { "aria-label": "Next image", id: "next" }),
    make("span", { class: "where" }, `${at + 1} of ${among.length}`),
    left ? control("Compare", () => { comparing = !comparing; show("compare"); }, { id: "compare", "aria-pressed": String(comparing) }) : null,
    left && comparing && VIEWS.length > 2 ? choice() : null,
    control("Close", () => viewer.close(), { class: "close" }));
  const halves = comparing ? [half(image, left, state.view), half(image, state.view, left)] : [half(image, state.view)];
  viewer.replaceChildren(bar, make("div", { class: comparing ? "halves two" : "halves" }, halves),
    make("p", { class: "quiet uri" }, `${image.uri}, ${image.width} × ${image.height}, ${image.id.slice(0, 12)}`));
  if (focus) byId(focus)?.focus();
}

function step(by) {
  at = (at + by + among.length) % among.length;
  show(by > 0 ? "next" : "previous");
}

function openViewer(images, image) {
  among = images;
  at = images.indexOf(image);
  show();
  viewer.showModal();
}

viewer.addEventListener("keydown", (event) => {
  if (event.target.matches("select, input")) return;
  if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
});
viewer.addEventListener("click", (event) => {
  if (event.target === viewer) viewer.close();
});
