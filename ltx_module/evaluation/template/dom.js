// Elements, numbers and words. Text enters the page through textContent alone, so no prompt can become markup.
const content = JSON.parse(document.getElementById("data").textContent);
const evaluation = content.evaluation;
const BASE = "base";

function el(tag, properties = {}, ...children) {
  const element = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

const byId = (id) => document.getElementById(id);
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const unique = (values) => [...new Set(values)];
const byNumber = (left, right) => left - right;

// Three significant digits, never in exponents where a person reads decimals more easily.
function format(value) {
  if (!isNumber(value)) return "\u2013";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(1).replace("-", "\u2212").replace("e+", "e");
  const digits = size === 0 || Number.isInteger(value) ? 0 : Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(digits, 4)).replace("-", "\u2212");
}

// How many decimals make a column of numbers comparable: three digits for the largest.
function decimalsOf(values) {
  const numbers = values.filter(isNumber);
  const size = Math.max(0, ...numbers.map(Math.abs));
  if (size === 0 || numbers.every(Number.isInteger)) return 0;
  return Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(size))));
}

const fixed = (value, decimals) => (isNumber(value) ? value.toFixed(decimals).replace("-", "\u2212") : format(value));

function withUnit(value, unit) {
  if (!isNumber(value)) return "\u2013";
  return unit ? `${format(value)}${unit === "%" ? "" : "\u00a0"}${unit}` : format(value);
}

const strengthText = (strength) => String(Number(strength));
const sameStrength = (left, right) => Math.abs(left - right) < 1e-6;
const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

function words(name) {
  const text = name.replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const metricOf = (name) => ({ label: words(name), better: null, help: "", unit: "", ...(evaluation.metrics[name] ?? {}) });

const BETTER = {
  higher: { sign: "\u2191", text: "Higher is better." },
  lower: { sign: "\u2193", text: "Lower is better." },
  near_zero: { sign: "\u21920", text: "Near zero is better." },
};

function metricTip(metric) {
  const unit = metric.unit ? `Unit: ${metric.unit}.` : "";
  return [metric.help, BETTER[metric.better]?.text ?? "", unit].filter(Boolean).join(" ");
}

// How good a value is on a scale where more is always better; null where the metric says nothing about it.
function goodness(metric, value) {
  if (!isNumber(value) || !BETTER[metric.better]) return null;
  return { higher: value, lower: -value, near_zero: -Math.abs(value) }[metric.better];
}

// Steps from -2 (worst) to 2 (best) among `values`; 0 where they hardly differ.
function toneOf(metric, value, values) {
  const mine = goodness(metric, value);
  const all = values.map((other) => goodness(metric, other)).filter((other) => other !== null);
  if (mine === null || all.length < 2) return 0;
  const [least, most] = [Math.min(...all), Math.max(...all)];
  if (most - least <= 0.02 * Math.max(...all.map(Math.abs))) return 0;
  return Math.round(((mine - least) / (most - least)) * 4) - 2;
}

const isBest = (metric, value, values) => {
  const mine = goodness(metric, value);
  const all = values.map((other) => goodness(metric, other)).filter((other) => other !== null);
  return mine !== null && all.length > 1 && mine === Math.max(...all) && mine !== Math.min(...all);
};

// A group of buttons of which one is pressed.
function choice(label, options, selected, onChange, text = String) {
  const buttons = options.map((option) =>
    el("button", { type: "button", "aria-pressed": String(option === selected), on: { click: () => choose(option) } }, text(option)),
  );
  const choose = (option) => {
    options.forEach((other, index) => buttons[index].setAttribute("aria-pressed", String(other === option)));
    onChange(option);
  };
  return el("div", { class: "choice", role: "group", "aria-label": label }, el("span", { class: "choice-label" }, label), el("div", { class: "segments" }, buttons));
}

function picker(label, options, selected, onChange, text = String) {
  const select = el("select", { on: { change: () => onChange(options[select.selectedIndex]) } },
    options.map((option) => el("option", { selected: option === selected }, text(option))));
  return el("label", { class: "picker" }, el("span", { class: "choice-label" }, label), select);
}

// Words between backticks are recipe keys and values.
const coded = (text) => String(text).split(/`([^`]+)`/).map((part, index) => (index % 2 ? el("code", {}, part) : part));

const empty = (text) => el("p", { class: "empty" }, text);

// One floating explanation for everything that carries data-tip, on hover and on focus.
function installTips() {
  const tip = byId("tip");
  const hide = () => { tip.hidden = true; };
  const show = (event) => {
    const target = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    if (!target?.dataset.tip) return hide();
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const place = target.getBoundingClientRect();
    const left = Math.min(Math.max(8, place.left), document.documentElement.clientWidth - tip.offsetWidth - 8);
    const below = place.bottom + 6 + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? place.bottom + 6 : place.top - tip.offsetHeight - 6}px`;
    return undefined;
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
}
