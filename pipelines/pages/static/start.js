// The page itself: the theme, and the gallery once there is one.
const theme = byId("theme");
const root = document.documentElement;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function nameTheme() {
  theme.textContent = isDark() ? "Light" : "Dark";
}

theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
nameTheme();

if (byId("cards")) {
  let found = [];
  const open = (image) => openViewer(found, image);
  const update = () => { found = showCards(open); };
  buildFilters(update);
  update();
}
