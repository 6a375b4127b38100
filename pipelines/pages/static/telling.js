// What an image's annotations say: texts with their phrases marked, regions, drops.
const GRANULARITY = { brief: "Brief", detailed: "Detailed", more_detailed: "More detailed" };

// A text cut where phrases begin and end; a piece knows all phrases around it. Spans count code points.
function pieces(text, phrases) {
  const points = Array.from(text);
  const cuts = [...new Set([0, points.length, ...phrases.flatMap(({ start, end }) => [start, end])])].sort((a, b) => a - b);
  return cuts.slice(1).map((end, i) => ({
    words: points.slice(cuts[i], end).join(""),
    around: phrases.filter((phrase) => phrase.start <= cuts[i] && phrase.end >= end),
  }));
}

function tellText(item, phrases) {
  const mine = phrases.filter((phrase) => phrase.text_id === item.id);
  const seen = new Set();
  const body = pieces(item.text, mine).map(({ words, around }) => {
    if (!around.length) return words;
    const inner = around.reduce((a, b) => (b.end - b.start < a.end - a.start ? b : a));
    const regions = [...new Set(around.flatMap((phrase) => phrase.regions))];
    const first = !seen.has(inner.id);
    seen.add(inner.id);
    return make("mark", {
      tabindex: first ? 0 : null, role: first ? "button" : null,
      class: inner.regions.length ? "phrase grounded" : "phrase",
      "data-regions": JSON.stringify(regions), "data-phrase": inner.id,
      title: `${plural(inner.regions.length, "box", "boxes")}, ${said(inner.by)}`,
    }, words);
  });
  return make("div", { class: "text" },
    make("p", { class: "quiet" }, `${GRANULARITY[item.granularity] ?? item.granularity} `, shown(item.score), ` ${said(item.by)}`),
    make("p", { class: "words" }, body));
}

function tellRegion(region) {
  const others = region.labels.filter((_, i) => i !== (region.best ?? 0)).map((label) => label.text);
  return make("li", { "data-region": region.id, class: `kind-${region.kind}` },
    make("span", { class: "name" }, nameOf(region) || region.kind),
    make("span", { class: "figure" }, shown(region.score)),
    others.length ? make("span", { class: "quiet" }, others.join(" · ")) : null,
    make("span", { class: "quiet" }, said(region.by)));
}

function tellReject(row) {
  const numbers = ["value", "threshold"].filter((name) => row[name] != null).map((name) => `${name} ${row[name]}`);
  return make("li", {}, make("span", { class: "name" }, `${row.kind} ${row.id}`), make("span", {}, row.rule),
    make("span", { class: "quiet" }, [...numbers, row.detail].filter(Boolean).join(", ")));
}

function part(title, count, content, open = true) {
  if (!count) return null;
  return make("details", { open, class: "part" },
    make("summary", {}, title, make("span", { class: "figure" }, String(count))), content);
}

function tell(image, view, name) {
  const texts = textsOf(view);
  const phrases = phrasesOf(view);
  const regions = regionsOf(view).toSorted((a, b) => (b.score ?? 1) - (a.score ?? 1));
  return make("div", { class: "telling", "data-view": name },
    part("Texts", texts.length, texts.map((text) => tellText(text, phrases))),
    part("Regions", regions.length, make("ul", { class: "plain rows" }, regions.map(tellRegion))),
    part("Dropped", image.rejects.length, make("ul", { class: "plain rows" }, image.rejects.map(tellReject)), false),
    part("Faults", view.faults.length, make("ul", { class: "plain" }, view.faults.map((f) => make("li", {}, `${f.stage}: ${f.error}`)))));
}

// A phrase lights its boxes, a box its phrases and its line in the list: by pointer and by keyboard.
function link(scope) {
  const light = (event) => {
    const from = event.target.closest?.("[data-region], [data-regions]");
    const ids = new Set(from ? (from.dataset.regions ? JSON.parse(from.dataset.regions) : [from.dataset.region]) : []);
    for (const node of scope.querySelectorAll("[data-region]")) node.classList.toggle("lit", ids.has(node.dataset.region));
    for (const node of scope.querySelectorAll("[data-regions]")) {
      const mine = JSON.parse(node.dataset.regions);
      node.classList.toggle("lit", node === from || (!from?.dataset.regions && mine.some((id) => ids.has(id))));
    }
    for (const node of scope.querySelectorAll(".overlay")) node.classList.toggle("dim", ids.size > 0);
  };
  const off = () => light({ target: scope });
  for (const name of ["pointerover", "focusin", "click"]) scope.addEventListener(name, light);
  for (const name of ["pointerleave", "focusout"]) scope.addEventListener(name, off);
}
