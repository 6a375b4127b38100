// What the gallery shows: kinds, score, origin, words, and which step's annotations.
const KINDS = {
  object: "Boxes",
  text: "Written lines",
  proposal: "Proposals",
  masks: "Masks",
  phrases: "Phrases",
};
const VIEWS = [...new Set(DATA.images.flatMap((image) => Object.keys(image.views)))];
const state = {
  kinds: new Set(Object.keys(KINDS)),
  score: 0,
  origins: new Set(DATA.origins.keys()),
  words: [],
  view: VIEWS.at(-1),
};

const allViews = () => DATA.images.flatMap((image) => Object.values(image.views));

function existing() {
  const found = new Set();
  for (const view of allViews()) {
    for (const region of view.regions) {
      found.add(region.kind);
      if (region.rings) found.add("masks");
    }
    if (view.phrases.length) found.add("phrases");
  }
  return Object.keys(KINDS).filter((kind) => found.has(kind));
}

// What nobody scored, a person's annotation for one, is meant to be there.
const passes = (item) => (item.score ?? 1) >= state.score && state.origins.has(item.by);
const regionsOf = (view) => view.regions.filter((region) => state.kinds.has(region.kind) && passes(region));
const textsOf = (view) => view.texts.filter(passes);
const phrasesOf = (view) => (state.kinds.has("phrases") ? view.phrases.filter(passes) : []);
const NOTHING = { texts: [], regions: [], phrases: [], faults: [] };
const viewOf = (image) => image.views[state.view] ?? NOTHING;

function matches(image) {
  if (!state.words.length) return true;
  const view = viewOf(image);
  const parts = [image.uri, ...textsOf(view).map((text) => text.text)];
  for (const region of regionsOf(view)) parts.push(...region.labels.map((label) => label.text));
  const hay = parts.join("\n").toLowerCase();
  // An id is hexadecimal: short words would be found in any.
  return state.words.every((word) => hay.includes(word) || (word.length >= 6 && image.id.startsWith(word)));
}

function check(label, name, on, change) {
  const box = make("input", { type: "checkbox", name, onchange: (event) => change(event.target.checked) });
  box.checked = on;
  return make("label", { class: `check kind-${name}` }, box, make("span", {}, label));
}

function toggle(set, key, on, update) {
  if (on) set.add(key);
  else set.delete(key);
  update();
}

function buildFilters(update) {
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  const search = make("input", {
    type: "search", id: "search", placeholder: "Words in texts and labels", "aria-label": "Search by word",
    oninput: (event) => {
      state.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
      update();
    },
  });
  const kinds = existing().map((kind) =>
    check(KINDS[kind], kind, true, (on) => toggle(state.kinds, kind, on, update)));
  form.append(search, make("fieldset", { class: "kinds" }, make("legend", {}, "Show"), kinds),
    slider(update), origins(update), views(update));
}

function slider(update) {
  const value = make("output", { for: "score" }, "0.00");
  const input = make("input", {
    type: "range", id: "score", min: 0, max: 1, step: 0.01, value: 0,
    oninput: (event) => {
      state.score = Number(event.target.value);
      value.textContent = state.score.toFixed(2);
      update();
    },
  });
  return make("label", { class: "slider" }, "Least score", input, value);
}

function origins(update) {
  if (DATA.origins.length < 2) return null;
  const boxes = DATA.origins.map((_, i) => check(said(i), `origin-${i}`, true, (on) => toggle(state.origins, i, on, update)));
  return make("details", { class: "menu", id: "origin-menu" }, make("summary", {}, "Origins"), make("div", {}, boxes));
}

function views(update) {
  if (VIEWS.length < 2) return null;
  const options = VIEWS.map((name) => make("option", { value: name, selected: name === state.view }, name));
  const select = make("select", { id: "view", onchange: (event) => { state.view = event.target.value; update(); } }, options);
  return make("label", { class: "slider" }, "Step", select);
}
