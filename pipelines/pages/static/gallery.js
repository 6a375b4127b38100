// The grid of images.
function summary(view) {
  const regions = regionsOf(view);
  const lines = regions.filter((region) => region.kind === "text").length;
  const counts = [];
  if (regions.length - lines) counts.push(plural(regions.length - lines, "region"));
  if (lines) counts.push(plural(lines, "line"));
  if (phrasesOf(view).length) counts.push(plural(phrasesOf(view).length, "phrase"));
  return counts.join(" · ") || "nothing";
}

function card(image, open) {
  const view = viewOf(image);
  const caption = textsOf(view)[0]?.text;
  return make("button", { type: "button", class: "card", "data-image": image.id, onclick: () => open(image) },
    picture(image, view, false),
    make("span", { class: "caption" }, caption ?? image.uri.split("/").at(-1)),
    make("span", { class: "quiet" }, summary(view)));
}

function showCards(open) {
  const found = DATA.images.filter(matches);
  byId("cards").replaceChildren(...found.map((image) => card(image, open)));
  byId("count").textContent = `${found.length} of ${plural(DATA.images.length, "image")}`;
  return found;
}
