"use strict";
const [view, plot, tip] = ["view", "plot", "tip"].map((id) => document.getElementById(id));
const columns = Number(plot.dataset.columns);
const label = 96;
let unit = 14;

// Sets how wide a column is, and keeps what is under `x`, from the view's left edge, in its place.
function zoom(wanted, x) {
  const at = (view.scrollLeft + x - label) / unit;
  unit = Math.min(160, Math.max(0.2, wanted));
  plot.style.setProperty("--unit", unit + "px");
  plot.dataset.step = unit >= 14 ? 5 : unit >= 7 ? 10 : unit >= 1.8 ? 40 : 200;
  view.scrollLeft = at * unit + label - x;
}

function show(op) {
  op.scrollIntoView({ block: "center", inline: "center" });
  document.querySelectorAll(".seen").forEach((other) => other.classList.remove("seen"));
  op.classList.add("seen");
}

const middle = () => view.clientWidth / 2;
const press = (id, act) => document.getElementById(id).addEventListener("click", act);
press("in", () => zoom(unit * 1.5, middle()));
press("out", () => zoom(unit / 1.5, middle()));
press("all", () => zoom((view.clientWidth - label - 40) / columns, 0));
document.querySelectorAll("[data-to]").forEach((button) =>
  button.addEventListener("click", () => show(document.getElementById(button.dataset.to))));

view.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    zoom(unit * Math.exp(-event.deltaY / 300), event.clientX - view.getBoundingClientRect().left);
  }
}, { passive: false });

view.addEventListener("mousemove", (event) => {
  const op = event.target.closest(".op");
  tip.hidden = !op;
  if (!op) return;
  tip.textContent = op.dataset.tip;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 10)) + "px";
  const below = event.clientY + 18;
  tip.style.top = (below + height < innerHeight ? below : event.clientY - height - 12) + "px";
});
view.addEventListener("mouseleave", () => { tip.hidden = true; });

// A short history is not squeezed into a corner.
zoom(Math.min(80, Math.max(unit, (view.clientWidth - label - 40) / columns)), 0);
const bad = document.querySelector(".op.bad");
view.scrollLeft = bad.offsetLeft + bad.offsetWidth / 2 - middle();
view.scrollTop = bad.parentElement.offsetTop - view.clientHeight / 2;
