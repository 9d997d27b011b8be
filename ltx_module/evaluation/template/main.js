// Puts the page together.
const THEMES = ["auto", "light", "dark"];

function installTheme() {
  const button = byId("theme");
  const store = (value) => { try { localStorage.setItem("evaluation-theme", value); } catch { /* storage may be off */ } };
  const stored = () => { try { return localStorage.getItem("evaluation-theme"); } catch { return null; } };
  const apply = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.dataset.value = theme;
    button.textContent = `Theme: ${theme}`;
  };
  apply(THEMES.includes(stored()) ? stored() : "auto");
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(button.dataset.value) + 1) % THEMES.length];
    apply(next);
    store(next);
  });
}

// Space, comma and full stop work wherever the clips can be seen and no other control wants them.
function installKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("select, textarea, summary, input:not([type=range])")) return;
    const { top, bottom } = byId("clips").getBoundingClientRect();
    if (!byId("viewer").open && (top > window.innerHeight * 0.75 || bottom < 0)) return;
    if (event.key === " " && !event.target.closest("button, a")) {
      event.preventDefault();
      player.toggle();
    } else if (event.key === ",") player.step(-1);
    else if (event.key === ".") player.step(1);
  });
}

// The grid starts by itself when it is first seen, unless the reader prefers less motion.
function startWhenSeen() {
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const once = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    once.disconnect();
    player.play();
  });
  once.observe(grid.body);
}

byId("title").textContent = document.title;
installTheme();
installTips();
drawNotices();
drawVerdict(evaluation.samples.length ? (best) => grid.show({ view: BY_STRENGTH, checkpoint: best.checkpoint }) : null);
drawCheckpoints();
drawCurves();
drawFacts();
// The clips stand at the end of the file: what needs them waits until they have been read.
document.addEventListener("DOMContentLoaded", () => {
  viewer.draw();
  grid.draw();
  if (grid.body) {
    installKeys();
    startWhenSeen();
  }
});
