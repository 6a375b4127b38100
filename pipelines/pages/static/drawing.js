// Annotations over a picture, as SVG in the pixels of the image.
function pathOf(rings) {
  return rings.map((ring) => `M${ring.map((value, i) => (i % 2 ? `${value}` : ` ${value}`)).join(",").replaceAll(", ", " ")}Z`).join("");
}

function shapeOf(region) {
  const [x0, y0, x1, y1] = region.box;
  return region.quad ?? [x0, y0, x1, y0, x1, y1, x0, y1];
}

function drawRegion(region, live, changed) {
  const parts = [];
  if (region.rings && state.kinds.has("masks")) parts.push(draw("path", { d: pathOf(region.rings), class: "mask" }));
  const d = pathOf([shapeOf(region)]);
  parts.push(draw("path", { d, class: "halo" }), draw("path", { d, class: "outline" }));
  const words = [nameOf(region) || region.kind, shown(region.score), said(region.by)].filter(Boolean).join(", ");
  const about = live
    ? { tabindex: 0, role: "img", "aria-label": words, "data-region": region.id }
    : { "aria-hidden": "true" };
  return draw("g", { class: `region kind-${region.kind}${changed ? " changed" : ""}`, ...about }, parts);
}

const area = ({ box: [x0, y0, x1, y1] }) => (x1 - x0) * (y1 - y0);

function photo(image, alt) {
  const { picture: src, width, height } = image;
  return src ? make("img", { src, alt, width, height, decoding: "async" }) : make("div", { class: "blank" });
}

// A card's picture is kept when the card is drawn again, or it would flicker.
const photos = new Map();
function cached(image) {
  if (!photos.has(image.id)) photos.set(image.id, photo(image, ""));
  return photos.get(image.id);
}

// The picture with its annotations. `live`: boxes can be pointed at and reached by keyboard; those that `other`,
// a second view of the same image, does not have are marked.
function picture(image, view, live, other) {
  const known = other && new Set(other.regions.map((region) => region.id));
  const { width, height } = image;
  // Large ones first, so that a small one inside can be pointed at.
  const regions = regionsOf(view).toSorted((a, b) => area(b) - area(a));
  const overlay = draw("svg", {
    viewBox: `0 0 ${width} ${height}`, class: "overlay", role: live ? "group" : null,
    "aria-label": live ? `${plural(regions.length, "region")}` : null, "aria-hidden": live ? null : "true",
  }, regions.map((region) => drawRegion(region, live, known && !known.has(region.id))));
  const alt = view.texts[0]?.text ?? image.uri;
  const stage = make("div", { class: "stage" }, live ? photo(image, alt) : cached(image), overlay);
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.style.setProperty("--ratio", width / height);
  return stage;
}
