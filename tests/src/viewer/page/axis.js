// The axis above the picture, the overview below it, and when what is drawn anew.

const AXIS = 28;
const OVERVIEW = 38;

// The least step of 1, 2 or 5 times a power of ten that is this long at least.
function stepFrom(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9));
}

function drawAxis() {
  const cx = prepare(byId("axis"), NAMES + view.width, AXIS);
  const step = Math.max(1, stepFrom((view.span / view.width) * 110));
  // What is close together is counted from the last millisecond before the picture.
  const base = step < 1e5 ? Math.floor(view.from / 1e6) * 1e6 : 0;
  label(cx, base ? `${timeText(base, 1e6)} +` : "time", view.printing ? 0 : 20, AXIS / 2);
  cx.strokeStyle = colours.line;
  for (let time = Math.max(0, Math.ceil(view.from / step) * step); time <= view.from + view.span; time += step) {
    const px = NAMES + x(time);
    line(cx, px, AXIS - 7, px, AXIS);
    label(cx, timeText(time - base, step), px + 4, AXIS / 2 + 2, { most: NAMES + view.width - px - 6 });
  }
  if (run.failure) flag(cx, run.failure.at, "✕ failed", colours.bad);
}

function flag(cx, time, text, colour) {
  const px = x(time);
  if (px < -2 || px > view.width + 2) return;
  cx.font = `650 11px ${FONT}`;
  const width = cx.measureText(text).width + 12;
  const left = NAMES + Math.min(px, view.width - width);
  cx.fillStyle = colour;
  cx.beginPath();
  cx.roundRect(left, 6, width, 18, 4);
  cx.fill();
  label(cx, text, left + 6, 15.5, { weight: 650, colour: colours.ground });
}

// How much happens when: everything, and of it what was lost.
let density = null;
function countDensity(bins) {
  if (density?.bins === bins) return density;
  density = { bins, all: new Uint32Array(bins), lost: new Uint32Array(bins), most: 1 };
  for (let record = 0; record < count; record++) {
    const bin = Math.min(bins - 1, Math.floor((records.at[record] / run.end) * bins));
    density.most = Math.max(density.most, ++density.all[bin]);
    if (isLost(record)) density.lost[bin]++;
  }
  return density;
}

const overviewX = (time) => NAMES + (time / run.end) * view.width;

function drawOverview() {
  const cx = prepare(byId("overview"), NAMES + view.width, OVERVIEW);
  const width = 2;
  const { bins, all, lost, most } = countDensity(Math.max(1, Math.floor(view.width / width)));
  const height = (number) => ((OVERVIEW - 8) * Math.log2(1 + number)) / Math.log2(1 + most);
  label(cx, "the whole run", view.printing ? 0 : 20, OVERVIEW / 2);
  for (let bin = 0; bin < bins; bin++) {
    const left = NAMES + (bin * view.width) / bins;
    cx.fillStyle = colours.line;
    cx.fillRect(left, OVERVIEW - 4 - height(all[bin]), width, height(all[bin]));
    cx.fillStyle = colours.bad;
    if (lost[bin]) cx.fillRect(left, OVERVIEW - 4, width, -height(lost[bin]) / 2);
  }
  cx.fillStyle = colours.mark;
  let drawn = -2;
  for (const record of view.hits) {
    const px = overviewX(records.at[record]);
    if (px - drawn >= 1) cx.fillRect(drawn = px, 0, 1, 5);
  }
  if (run.failure) {
    cx.fillStyle = colours.bad;
    cx.fillRect(overviewX(run.failure.at) - 1, 0, 2, OVERVIEW);
  }
  const [left, right] = [view.from, view.from + view.span].map(overviewX);
  cx.fillStyle = cx.strokeStyle = colours.mark;
  const [first, last] = [Math.max(NAMES + 0.5, left), Math.min(right, NAMES + view.width - 1)];
  cx.globalAlpha = 0.1;
  cx.fillRect(first, 0, last - first, OVERVIEW);
  cx.globalAlpha = 0.9;
  cx.strokeRect(first, 0.5, Math.max(3, last - first), OVERVIEW - 1);
  cx.globalAlpha = 1;
}

// ---- time taken -----------------------------------------------------------------------------------

const speed = { loaded: 0, frames: 0, last: 0, longest: 0, total: 0 };

function draw() {
  const began = performance.now();
  drawPicture();
  drawAxis();
  drawOverview();
  speed.last = performance.now() - began;
  speed.frames++;
  speed.total += speed.last;
  speed.longest = Math.max(speed.longest, speed.last);
  byId("speed").textContent = speedText();
}

const speedText = () => `${count.toLocaleString("en")} records, loaded in ${speed.loaded.toFixed(0)} ms; `
  + `a frame takes ${(speed.total / speed.frames).toFixed(1)} ms, at most ${speed.longest.toFixed(1)} ms`;

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}
