// The picture: lanes, what was wrong with nodes, roles and terms, messages, marks; the axis above it
// and the overview below.

const NAMES = 112; // The width of the lanes' names.
const MINUTE = 60e9;
const MICROSECOND = 1e3;
const MOST_ARROWS = 900; // Above that, bars say how many messages arrive.
const TERMS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#f0e442"];
const INKS = ["#ffffff", "#111111", "#111111", "#111111", "#111111", "#111111"];
const termColour = (term) => (term ? TERMS[(term - 1) % TERMS.length] : "#8b93a0");
const termInk = (term) => (term ? INKS[(term - 1) % INKS.length] : "#ffffff");
const BAR = [5, 9, 16]; // How thick a follower is, a candidate, a leader.

const view = {
  from: 0, span: 1e9, cursor: 0, width: 800, laneHeight: 56,
  hiddenLanes: new Set(), hiddenKinds: new Set(), hits: [], lanes: [],
};
const spanMost = Math.max(MINUTE, run.end);

const byId = (id) => document.getElementById(id);
const picture = byId("picture");
const x = (time) => ((time - view.from) / view.span) * view.width;
const timeAt = (px) => view.from + (px / view.width) * view.span;
const isShown = (record) =>
  !view.hiddenLanes.has(records.node[record]) && !(isMessage(record) && isHiddenMessage(record));
const isHiddenMessage = (record) =>
  view.hiddenKinds.has(records.kind[record]) || view.hiddenLanes.has(records.from[record]);

let colours = {};
function readColours() {
  // A colour that depends on light or dark is known to what is drawn in it.
  const probe = document.body.appendChild(document.createElement("i"));
  for (const name of ["ground", "raised", "line", "ink", "faint", "bad", "why", "mark", "read", "write"]) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
}

// Makes a canvas so large, with as many dots as the screen has, and returns what draws on it.
function prepare(canvas, width, height) {
  const ratio = Math.max(window.devicePixelRatio || 1, view.printing ? 2 : 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const cx = canvas.getContext("2d");
  cx.setTransform(ratio, 0, 0, ratio, 0, 0);
  cx.clearRect(0, 0, width, height);
  cx.textBaseline = "middle";
  return cx;
}

const fontOf = ({ size = 11, weight = 400 }) => `${weight} ${size}px ${FONT}`;
function widthOf(cx, text, style) {
  cx.font = fontOf(style);
  return cx.measureText(text).width;
}

const FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif";
function label(cx, text, left, middle, { size = 11, weight = 400, colour = colours.faint, most, halo } = {}) {
  cx.font = fontOf({ size, weight });
  cx.fillStyle = colour;
  if (most !== undefined && cx.measureText(text).width > most) {
    if (most < 24) return 0;
    let end = text.length;
    while (end > 1 && cx.measureText(text.slice(0, end) + "…").width > most) end = Math.floor(end * 0.85);
    text = text.slice(0, end) + "…";
  }
  if (halo) {
    cx.strokeStyle = colours.ground;
    cx.lineWidth = 3;
    cx.lineJoin = "round";
    cx.strokeText(text, left, middle);
    cx.lineWidth = 1;
  }
  cx.fillText(text, left, middle);
  return cx.measureText(text).width;
}

function line(cx, x1, y1, x2, y2) {
  cx.beginPath();
  cx.moveTo(x1, y1);
  cx.lineTo(x2, y2);
  cx.stroke();
}

// A box with round corners, if it is wide enough for them to be seen.
function box(cx, left, top, width, height) {
  if (width < 4) return cx.fillRect(left, top, width, height);
  cx.beginPath();
  cx.roundRect(left, top, width, height, 3);
  cx.fill();
}

// ---- bands ----------------------------------------------------------------------------------------

const BANDS = {
  down: { slant: 1, gap: 7, text: "down" },
  paused: { dots: true, gap: 8, text: "paused" },
  cut_off: { slant: -1, gap: 9, dashed: true, text: "cut off" },
  parted: { slant: 0, gap: 8, dashed: true },
  tuned: {},
};

// Each kind has a pattern of its own, so that none needs a colour.
function fillBand(cx, what, left, top, width, height) {
  const { slant, gap, dots, dashed } = BANDS[what];
  if (!gap) return;
  cx.save();
  cx.beginPath();
  cx.rect(left, top, width, height);
  cx.clip();
  cx.fillStyle = colours.raised;
  cx.fillRect(left, top, width, height);
  cx.strokeStyle = cx.fillStyle = colours.faint;
  cx.globalAlpha = what === "parted" ? 0.2 : 0.32;
  cx.setLineDash(dashed ? [4, 4] : []);
  const start = left - (left % gap) - height;
  if (dots) {
    for (let px = start; px < left + width; px += gap) {
      for (let py = top + 5; py < top + height; py += gap) cx.fillRect(px, py, 2, 2);
    }
  } else if (slant === 0) {
    for (let py = top + gap / 2; py < top + height; py += gap) line(cx, left, py, left + width, py);
  } else {
    for (let px = start; px < left + width + height; px += gap) {
      line(cx, px, slant > 0 ? top + height : top, px + height, slant > 0 ? top : top + height);
    }
  }
  cx.restore();
}

const bandsInView = (lane) =>
  lane.bands.filter((band) => band.to >= view.from && band.from <= view.from + view.span);

function drawBands(cx, lane, y) {
  const [top, height] = [y - view.laneHeight / 2 + 3, view.laneHeight - 6];
  const bands = bandsInView(lane);
  for (const what of ["parted", "tuned", "cut_off", "paused", "down"]) {
    for (const band of bands) {
      if (band.what !== what) continue;
      const [left, right] = [Math.max(0, x(band.from)), Math.min(view.width, x(band.to))];
      fillBand(cx, what, left, top, Math.max(1, right - left), height);
    }
  }
}

// Their words come after the messages, to be read. Where two are at one place, the worse is named.
function nameBands(cx, lane, y) {
  const named = [];
  const bands = bandsInView(lane);
  for (const what of ["down", "paused", "cut_off", "parted", "tuned"]) {
    for (const band of bands) {
      if (band.what !== what) continue;
      const [left, right] = [Math.max(0, x(band.from)) + 5, Math.min(view.width, x(band.to))];
      if (right - left < 34 || named.some(([from, to]) => left < to && right > from)) continue;
      const middle = y + view.laneHeight / 2 - 11;
      const width = nameBand(cx, BANDS[what].text ?? band.text, left, middle, right - left);
      named.push([left, left + width + 8]);
    }
  }
}

function nameBand(cx, text, left, middle, room) {
  cx.font = `500 10.5px ${FONT}`;
  const width = Math.min(room, cx.measureText(text).width);
  cx.fillStyle = colours.ground;
  cx.globalAlpha = 0.8;
  cx.fillRect(left - 3, middle - 7, width + 6, 14);
  cx.globalAlpha = 1;
  return label(cx, text, left, middle, { size: 10.5, weight: 500, most: room });
}

// ---- servers and clients --------------------------------------------------------------------------

function drawStretches(cx, lane, y) {
  const { stretches } = lane;
  let drawn = -1;
  for (let i = firstPlace(stretches.length, (i) => stretches[i].to >= view.from); i < stretches.length; i++) {
    const { from, to, role, term } = stretches[i];
    if (from > view.from + view.span) break;
    const [left, right] = [Math.max(-4, x(from)), Math.min(view.width + 4, x(to))];
    if (right - drawn < 0.7) continue;
    drawn = right;
    const [width, height] = [Math.max(0.8, right - left - (right - left > 6 ? 1 : 0)), BAR[role]];
    cx.fillStyle = termColour(term);
    box(cx, left, y - height / 2, width, height);
    if (role === 1) stripe(cx, left, y, width, height);
    const start = Math.max(3, left + 5);
    const style = role === 2
      ? { weight: 650, colour: termInk(term) }
      : { size: 10.5, weight: role ? 650 : 400, halo: true };
    const texts = role ? [`${LETTERS[role]} t${term}`, LETTERS[role]] : [`t${term}`];
    const text = texts.find((it) => widthOf(cx, it, style) <= right - start - 2);
    if (text) label(cx, text, start, role === 2 ? y + 0.5 : y - 11, style);
  }
}

// A candidate is striped.
function stripe(cx, left, y, width, height) {
  cx.fillStyle = colours.ground;
  for (let px = left + 3; px < left + width - 1; px += 6) cx.fillRect(px, y - height / 2 + 2, 2, height - 4);
}

function drawCalls(cx, lane, y) {
  cx.strokeStyle = colours.line;
  line(cx, 0, y, view.width, y);
  let drawn = -1;
  for (const { from, to, text } of lane.calls) {
    const [left, right] = [Math.max(-4, x(from)), Math.min(view.width + 4, x(to ?? run.end))];
    if (left > view.width) break;
    if (right - drawn < 2) continue;
    drawn = right;
    const width = Math.max(1.5, right - left - 1);
    cx.fillStyle = text.includes(": get") ? colours.read : colours.write;
    cx.strokeStyle = colours.faint;
    cx.lineWidth = 0.6;
    box(cx, left, y - 9, width, 18);
    if (to !== null && width > 4) cx.stroke();
    cx.lineWidth = 1;
    const start = Math.max(3, left + 5);
    if (right - start > 30) label(cx, text, start, y + 0.5, { colour: colours.ink, most: right - start - 4 });
  }
}

// ---- messages -------------------------------------------------------------------------------------

// Where a message begins and ends in the picture. What is lost where it was sent has no way to go.
function wayOf(record) {
  const [from, to] = [laneOf[records.from[record]], laneOf[records.node[record]]];
  const direction = Math.sign(to.y - from.y) || 1;
  const [y1, y2] = [from.y + direction * 8, to.y - direction * 8];
  const [x1, x2] = [x(records.sent[record]), x(records.at[record])];
  if (records.sent[record] === records.at[record]) {
    const short = Math.min(26, Math.abs(y2 - y1) / 2);
    return [x1, y1, x1 + short / 3, y1 + direction * short];
  }
  return [x1, y1, x2, y2];
}

// The part of a line that is in view: close up, its ends may be millions of dots away.
function clip([x1, y1, x2, y2]) {
  if (x1 > -99 && x2 < view.width + 99) return [x1, y1, x2, y2];
  const at = (px) => y1 + ((px - x1) / (x2 - x1)) * (y2 - y1);
  const [left, right] = [Math.max(x1, -99), Math.min(x2, view.width + 99)];
  return [left, at(left), right, at(right)];
}

// A message under way: plain if it arrives; a cross at its end if it is lost; dashed if it is late;
// a double line if it is one of two.
function drawMessage(cx, record, way, chosen) {
  const [x1, y1, x2, y2] = clip(way);
  const lost = isLost(record);
  const colour = chosen ? colours.mark : lost ? colours.bad : isLate(record) ? colours.why : colours.faint;
  cx.globalAlpha = chosen || lost || isLate(record) ? 1 : 0.55;
  cx.strokeStyle = cx.fillStyle = colour;
  cx.setLineDash(isLate(record) ? [6, 4] : []);
  cx.lineWidth = chosen ? 2.2 : 1;
  if (records.doubled[record]) {
    cx.lineWidth = chosen ? 5 : 3.4;
    line(cx, x1, y1, x2, y2);
    cx.strokeStyle = colours.ground;
    cx.lineWidth = chosen ? 2 : 1.4;
    cx.globalAlpha = 1;
    line(cx, x1, y1, x2, y2);
    cx.strokeStyle = colour;
  } else {
    line(cx, x1, y1, x2, y2);
  }
  cx.setLineDash([]);
  if (lost) {
    cx.lineWidth = 1.6;
    line(cx, x2 - 3.5, y2 - 3.5, x2 + 3.5, y2 + 3.5);
    line(cx, x2 - 3.5, y2 + 3.5, x2 + 3.5, y2 - 3.5);
  } else {
    const angle = Math.atan2(y2 - y1, x2 - x1);
    cx.beginPath();
    cx.moveTo(x2, y2);
    for (const side of [angle + 2.75, angle - 2.75]) {
      cx.lineTo(x2 + 7 * Math.cos(side), y2 + 7 * Math.sin(side));
    }
    cx.fill();
  }
  cx.globalAlpha = cx.lineWidth = 1;
}

function drawMessages(cx) {
  const seen = new Set();
  for (const record of view.arrows) {
    const way = wayOf(record);
    // Of those that would be drawn on one another, one is enough.
    const ends = [way[0], way[2]].map(Math.round);
    const place = [...ends, records.from[record], records.node[record], isLost(record)].join(" ");
    if (seen.has(place)) continue;
    seen.add(place);
    drawMessage(cx, record, way, false);
  }
}

// Hands every message in view to `see`, until that says true.
function eachShown(see) {
  const kinds = Uint8Array.from(run.kinds, (_, kind) => view.hiddenKinds.has(kind));
  const nodes = Uint8Array.from(laneOf, (_, node) => view.hiddenLanes.has(node));
  eachMessage(view.from, view.from + view.span, (record) => {
    const isHidden = kinds[records.kind[record]] || nodes[records.from[record]] || nodes[records.node[record]];
    return !isHidden && see(record);
  });
}

// The messages to draw, or null if they are too many. `view.visible` is how many are in view.
function chooseArrows() {
  const arrows = [];
  eachShown((record) => arrows.push(record) > MOST_ARROWS);
  view.visible = arrows.length;
  view.arrows = arrows.length > MOST_ARROWS ? null : arrows;
}

// How many messages arrive at each lane, and how many are lost on the way there, as bars.
function drawDensity(cx) {
  const width = 3;
  const bins = Math.ceil(view.width / width);
  for (const lane of view.lanes) lane.bins = [new Uint16Array(bins), new Uint16Array(bins)];
  let most = 1;
  view.visible = 0;
  const scale = view.width / view.span / width;
  eachShown((record) => {
    view.visible++;
    const bin = Math.floor((records.at[record] - view.from) * scale);
    if (bin >= 0 && bin < bins) {
      most = Math.max(most, ++laneOf[records.node[record]].bins[isLost(record) ? 1 : 0][bin]);
    }
  });
  const room = Math.max(8, view.laneHeight / 2 - 26);
  const height = (number) => (room * Math.log2(1 + number)) / Math.log2(1 + most);
  for (const lane of view.lanes) {
    const floor = lane.y + view.laneHeight / 2 - 4;
    for (let bin = 0; bin < bins; bin++) {
      const [arrived, lost] = [lane.bins[0][bin], lane.bins[1][bin]];
      cx.fillStyle = colours.faint;
      cx.globalAlpha = 0.5;
      if (arrived) cx.fillRect(bin * width, floor - height(arrived), width - 1, height(arrived));
      cx.fillStyle = colours.bad;
      cx.globalAlpha = 1;
      if (lost) cx.fillRect(bin * width, floor, width - 1, -Math.max(2, height(lost) / 2));
    }
  }
  cx.globalAlpha = 1;
}

// ---- marks ----------------------------------------------------------------------------------------

// What a server has committed (a triangle) and applied (a dot) since its last step.
function drawProgress(cx, lane, y) {
  const { frames } = lane;
  const seen = [];
  for (let i = firstPlace(frames.length, (i) => frames[i].at >= view.from); i < frames.length; i++) {
    const { at, before, commit, applied } = frames[i];
    if (at > view.from + view.span) break;
    const px = x(at);
    const [commits, applies] = [commit > (before?.commit ?? 0), applied > (before?.applied ?? 0)];
    if ((commits || applies) && px - (seen.at(-1)?.px ?? -9) >= 9) {
      seen.push({ px, commits, applies, upTo: String(Math.max(commit, applied)) });
    }
  }
  const style = { size: 10, halo: true };
  seen.forEach(({ px, commits, applies, upTo }, place) => {
    cx.fillStyle = colours.ink;
    if (commits) triangle(cx, px, y + 10);
    if (applies) dot(cx, px, y + 20);
    const room = (seen[place + 1]?.px ?? Infinity) - px - 12;
    if (widthOf(cx, upTo, style) <= room) label(cx, upTo, px + 6, y + 15, style);
  });
}

function triangle(cx, px, top) {
  cx.beginPath();
  for (const [dx, dy] of [[0, 0], [-3.5, 6], [3.5, 6]]) cx.lineTo(px + dx, top + dy);
  cx.fill();
}

function dot(cx, px, py) {
  cx.beginPath();
  cx.arc(px, py, 2, 0, 7);
  cx.fill();
}

function drawNotes(cx, lane, y) {
  const top = y - view.laneHeight / 2 + 9;
  const seen = [];
  const all = lane.drawnNotes;
  for (let i = firstPlace(all.length, (i) => records.at[all[i]] >= view.from); i < all.length; i++) {
    const [record, px] = [all[i], x(records.at[all[i]])];
    if (px > view.width) break;
    const isNote = records.event[record] === "note";
    const last = seen.at(-1);
    if (px - (last?.px ?? -9) >= 9) seen.push({ px, isNote, record });
    else if (last.isNote && !isNote) Object.assign(last, { px, isNote, record }); // That says more.
  }
  seen.forEach(({ px, isNote, record }, place) => {
    const event = records.event[record];
    cx.fillStyle = cx.strokeStyle = isNote || event === "boot" ? colours.faint : colours.bad;
    diamond(cx, px, top, isNote);
    const room = (seen[place + 1]?.px ?? view.width) - px - 13;
    const text = isNote ? noteOf(record) : event;
    cx.font = `400 10.5px ${FONT}`;
    if (cx.measureText(text).width <= room) label(cx, text, px + 7, top, { size: 10.5, halo: true });
  });
}

function diamond(cx, px, py, isHollow) {
  cx.beginPath();
  for (const [dx, dy] of [[0, -3.5], [3.5, 0], [0, 3.5], [-3.5, 0]]) cx.lineTo(px + dx, py + dy);
  cx.closePath();
  if (isHollow) cx.stroke(); else cx.fill();
}

// ---- the whole ------------------------------------------------------------------------------------

function drawLine(cx, time, colour, height, dash = []) {
  cx.strokeStyle = colour;
  cx.lineWidth = 1.5;
  cx.setLineDash(dash);
  line(cx, x(time), 0, x(time), height);
  cx.setLineDash([]);
  cx.lineWidth = 1;
}

function drawCursor(cx, height) {
  const time = records.at[view.cursor];
  drawLine(cx, time, colours.mark, height);
  const lane = laneOf[records.node[view.cursor]];
  if (!lane || view.hiddenLanes.has(lane.node)) return;
  if (isMessage(view.cursor) && isLost(view.cursor)) return; // Its cross is the place.
  cx.lineWidth = 2;
  cx.strokeStyle = colours.mark;
  cx.fillStyle = colours.ground;
  cx.beginPath();
  cx.arc(x(time), lane.y, 5.5, 0, 7);
  cx.fill();
  cx.stroke();
  cx.lineWidth = 1;
}

function drawPicture() {
  const height = view.lanes.length * view.laneHeight;
  const cx = prepare(picture, view.width, height);
  view.lanes.forEach((lane, place) => {
    lane.y = (place + 0.5) * view.laneHeight;
    const first = view.lanes[place - 1];
    cx.strokeStyle = first && first.cluster !== lane.cluster ? colours.faint : colours.line;
    cx.globalAlpha = 0.8;
    if (place) line(cx, 0, place * view.laneHeight, view.width, place * view.laneHeight);
    cx.globalAlpha = 1;
    drawBands(cx, lane, lane.y);
  });
  chooseArrows();
  if (view.arrows) drawMessages(cx); else drawDensity(cx);
  for (const lane of view.lanes) {
    if (lane.cluster === null) drawCalls(cx, lane, lane.y);
    drawStretches(cx, lane, lane.y);
    nameBands(cx, lane, lane.y);
    drawProgress(cx, lane, lane.y);
    drawNotes(cx, lane, lane.y);
  }
  if (run.failure) drawLine(cx, run.failure.at, colours.bad, height, [5, 3]);
  drawCursor(cx, height);
  if (isMessage(view.cursor) && isShown(view.cursor)) drawMessage(cx, view.cursor, wayOf(view.cursor), true);
}
