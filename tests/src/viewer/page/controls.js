// What mouse, fingers, keys and buttons do, and how the page begins.

// ---- where one looks ------------------------------------------------------------------------------

// Shows so much time from a time on. Some of the picture always holds some of the run.
function look(from, span) {
  view.span = Math.min(spanMost, Math.max(MICROSECOND, span));
  view.from = Math.min(run.end - view.span * 0.1, Math.max(-view.span * 0.9, from));
  if (view.span >= run.end) view.from = Math.max(run.end - view.span, Math.min(0, view.from));
  remember();
  redraw();
}

// Zooms; what is at `px` stays there.
function zoom(factor, px = view.width / 2) {
  const time = timeAt(px);
  const span = Math.min(spanMost, Math.max(MICROSECOND, view.span * factor));
  look(time - (px / view.width) * span, span);
}

const lookAtAll = () => look(-run.end * 0.01, run.end * 1.03);
const centre = () => look(records.at[view.cursor] - view.span / 2, view.span);

// Puts the cursor on a record, and sees to it that it is in view.
function goTo(record) {
  if (record === undefined || record === null || !count) return;
  view.cursor = record;
  const time = records.at[record];
  const margin = view.span * 0.08;
  if (time < view.from + margin || time > view.from + view.span - margin) centre();
  const lane = laneOf[records.node[record]];
  const scroller = byId("scroller");
  if (lane && view.lanes.includes(lane)) {
    const top = view.lanes.indexOf(lane) * view.laneHeight;
    if (top < scroller.scrollTop || top + view.laneHeight > scroller.scrollTop + scroller.clientHeight) {
      scroller.scrollTop = top - scroller.clientHeight / 2;
    }
  }
  showEvent();
  showServers();
  showHits();
  remember();
  redraw();
}

// A step forwards or backwards, from event to event, past what is hidden; in one lane, if one is given.
function step(by, lane = null) {
  const list = lane?.records;
  const [length, at] = [list ? list.length : count, (place) => (list ? list[place] : place)];
  const placeOf = (event) => firstPlace(length, (place) => records.number[at(place)] >= event);
  let event = records.number[view.cursor];
  for (;;) {
    const place = by > 0 ? placeOf(event + 1) : placeOf(event) - 1;
    if (place < 0 || place >= length) return;
    event = records.number[at(place)];
    if (isShown(firstRecordOf(event))) return goTo(firstRecordOf(event));
  }
}

// The first record of the same event: what the others tell of.
const firstOf = (record) => firstRecordOf(records.number[record]);

function stepNote(by) {
  const here = firstPlace(notes.length, (i) => notes[i] >= view.cursor);
  let place = by > 0 ? here + (notes[here] === view.cursor ? 1 : 0) : here - 1;
  while (notes[place] !== undefined && !isShown(notes[place])) place += by;
  goTo(notes[place]);
}

function lookAtFailure() {
  if (failedAt === null) return;
  // So much before it that it can be seen how it came about.
  const before = records.at[Math.max(0, failedAt - 150)] ?? 0;
  const span = Math.min(2e9, Math.max(2e7, (run.failure.at - before) * 1.35));
  look(run.failure.at - span * 0.8, span);
  goTo(failedAt);
}

// ---- the address ----------------------------------------------------------------------------------

let remembering = 0;
function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    const [from, span] = [Math.round(view.from), Math.round(view.span)];
    const event = count ? records.number[view.cursor] : 0;
    try {
      history.replaceState(null, "", `#event=${event}&from=${from}&span=${span}${isDebug() ? "&debug" : ""}`);
    } catch { /* Some browsers do not allow it for files. */ }
  }, 150);
}

const isDebug = () => /(^#|&)debug/.test(location.hash);

// Goes where the address says; whether it says anything.
function obeyAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  const number = (name) => {
    const value = Number.parseFloat(words.get(name));
    return Number.isFinite(value) ? value : null;
  };
  const [event, span] = [number("event"), number("span")];
  byId("speed").hidden = !isDebug();
  if (event === null || !count) return false;
  const record = Math.min(count - 1, firstRecordOf(event));
  if (span !== null) look(number("from") ?? records.at[record] - span / 2, span);
  else lookAtAll();
  goTo(record);
  return true;
}

// ---- mouse and fingers ----------------------------------------------------------------------------

// What is drawn at a place: a message, or what happened in the lane.
function recordAt(px, py) {
  let [best, distance] = [null, 7];
  for (const record of view.arrows ?? []) {
    const [x1, y1, x2, y2] = wayOf(record);
    const length = (x2 - x1) ** 2 + (y2 - y1) ** 2 || 1;
    const along = Math.min(1, Math.max(0, ((px - x1) * (x2 - x1) + (py - y1) * (y2 - y1)) / length));
    const away = Math.hypot(x1 + along * (x2 - x1) - px, y1 + along * (y2 - y1) - py);
    if (away < distance) [best, distance] = [record, away];
  }
  const lane = view.lanes[Math.floor(py / view.laneHeight)];
  if (!lane || (best !== null && distance < Math.abs(py - lane.y) - 8)) return best;
  const near = nearestIn(lane, timeAt(px));
  const isNear = near !== null && Math.abs(x(records.at[near]) - px) < 7;
  return best !== null && !(isNear && Math.abs(py - lane.y) < 10) ? best : isNear ? near : best;
}

function nearestIn(lane, time) {
  const list = lane.records;
  const after = firstPlace(list.length, (i) => records.at[list[i]] >= time);
  const candidates = [after - 1, after].filter((i) => list[i] !== undefined);
  candidates.sort((a, b) => Math.abs(records.at[list[a]] - time) - Math.abs(records.at[list[b]] - time));
  return candidates.length ? list[candidates[0]] : null;
}

function showTip(event, text) {
  const tip = byId("tip");
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 10))}px`;
  const below = event.clientY + 18;
  tip.style.top = `${below + height < innerHeight ? below : event.clientY - height - 12}px`;
}

function tipOf(px, py) {
  const record = recordAt(px, py);
  if (record !== null) {
    const [sent, at] = [records.sent[record], records.at[record]];
    return shortWords(record) + (isMessage(record) ? `\nsent at ${millis(sent)}, ${millis(at - sent)} on its way` : "");
  }
  const lane = view.lanes[Math.floor(py / view.laneHeight)];
  if (!lane) return null;
  const time = timeAt(px);
  const call = lane.calls.find((it) => it.from <= time && time <= (it.to ?? run.end));
  const bands = lane.bands.filter((it) => it.from <= time && time < it.to).map((it) => it.text);
  const stretch = lane.stretches.find((it) => it.from <= time && time < it.to);
  const words = [call?.text, stretch && `${ROLES[stretch.role]} in term ${stretch.term}`, ...bands];
  return words.filter(Boolean).join("\n") || null;
}

const placeOf = (event) => {
  const box = picture.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

const fingers = new Map();
let [moved, pinched] = [0, 0];

picture.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, placeOf(event));
  moved = 0;
  picture.setPointerCapture(event.pointerId);
});

picture.addEventListener("pointermove", (event) => {
  const [px, py] = placeOf(event);
  const before = fingers.get(event.pointerId);
  if (!before) return showTip(event, tipOf(px, py));
  const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
  fingers.set(event.pointerId, [px, py]);
  moved += Math.abs(px - before[0]) + Math.abs(py - before[1]);
  if (others.length === 1) {
    const apart = Math.abs(px - others[0][0]);
    if (pinched) zoom(pinched / Math.max(8, apart), (px + others[0][0]) / 2);
    pinched = Math.max(8, apart);
  } else if (moved > 3) {
    showTip(event, null);
    look(view.from - ((px - before[0]) / view.width) * view.span, view.span);
    byId("scroller").scrollTop -= py - before[1];
  }
});

function release(event) {
  const wasDown = fingers.delete(event.pointerId);
  pinched = 0;
  if (!wasDown || event.type !== "pointerup" || moved > 3) return;
  const [px, py] = placeOf(event);
  const lane = view.lanes[Math.floor(py / view.laneHeight)];
  goTo(recordAt(px, py) ?? (lane ? nearestIn(lane, timeAt(px)) : null));
}
picture.addEventListener("pointerup", release);
picture.addEventListener("pointercancel", release);
picture.addEventListener("pointerleave", (event) => showTip(event, null));

// Over the names, or with shift, the wheel turns to other lanes.
byId("timeline").addEventListener("wheel", (event) => {
  if (byId("names").contains(event.target)) return;
  event.preventDefault();
  const isAcross = Math.abs(event.deltaX) > Math.abs(event.deltaY);
  if (event.shiftKey) byId("scroller").scrollTop += event.deltaY || event.deltaX;
  else if (isAcross) look(view.from + (event.deltaX / view.width) * view.span, view.span);
  else zoom(Math.exp(event.deltaY / 400), event.clientX - picture.getBoundingClientRect().left);
}, { passive: false });

const overview = byId("overview");
function lookFromOverview(event) {
  if (!(event.buttons & 1)) return;
  const time = ((event.clientX - overview.getBoundingClientRect().left - NAMES) / view.width) * run.end;
  look(time - view.span / 2, view.span);
}
overview.addEventListener("pointerdown", (event) => {
  overview.setPointerCapture(event.pointerId);
  lookFromOverview(event);
});
overview.addEventListener("pointermove", lookFromOverview);

byId("servers").addEventListener("wheel", (event) => {
  const buttons = byId("servers").querySelectorAll(".head button[aria-label]");
  if (!event.shiftKey || buttons.length < 2) return;
  event.preventDefault();
  buttons[(event.deltaY || event.deltaX) > 0 ? 1 : 0].click();
}, { passive: false });

// ---- keys and buttons -----------------------------------------------------------------------------

const laneAtCursor = () => laneOf[records.node[view.cursor]] ?? view.lanes[0];
const ACTS = {
  j: () => step(1), k: () => step(-1),
  J: () => step(1, laneAtCursor()), K: () => step(-1, laneAtCursor()),
  "]": () => stepNote(1), "[": () => stepNote(-1), f: lookAtFailure,
  Home: () => goTo(0), End: () => goTo(firstOf(count - 1)),
  ArrowLeft: () => look(view.from - view.span / 8, view.span),
  ArrowRight: () => look(view.from + view.span / 8, view.span),
  "+": () => zoom(1 / 1.5), "=": () => zoom(1 / 1.5), "-": () => zoom(1.5), 0: lookAtAll,
  c: centre, h: toggleHeartbeats, n: () => nextHit(1), N: () => nextHit(-1), "?": showHelp,
  "/": () => byId("search").focus(),
};

document.addEventListener("keydown", (event) => {
  const field = byId("search");
  if (event.key === "Escape") {
    if (!byId("help").open) event.preventDefault(); // It would empty the search.
    for (const menu of document.querySelectorAll(".menu")) menu.open = false;
    if (document.activeElement === field) picture.focus();
    return;
  }
  if (event.target === field && event.key === "Enter") nextHit(event.shiftKey ? -1 : 1);
  const isElsewhere = event.target === field || byId("help").open;
  const act = ACTS[event.key];
  if (isElsewhere || event.ctrlKey || event.metaKey || event.altKey || !act) return;
  event.preventDefault();
  act();
});

const BUTTONS = {
  in: ACTS["+"], out: ACTS["-"], all: lookAtAll, "help-button": showHelp, "to-failure": lookAtFailure,
  back: ACTS.k, forth: ACTS.j, "lane-back": ACTS.K, "lane-forth": ACTS.J,
};
for (const [id, act] of Object.entries(BUTTONS)) byId(id).addEventListener("click", act);
byId("search").addEventListener("input", (event) => search(event.target.value));
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu")) if (!menu.contains(event.target)) menu.open = false;
});

// ---- size, light and dark, paper ------------------------------------------------------------------

function layOut() {
  view.lanes = lanes.filter((lane) => !view.hiddenLanes.has(lane.node));
  const scroller = byId("scroller");
  const room = scroller.clientHeight;
  view.laneHeight = Math.floor(Math.min(140, Math.max(66, room / Math.max(1, view.lanes.length))));
  scroller.style.overflowY = view.lanes.length * view.laneHeight > room ? "scroll" : "hidden";
  const width = view.printing ? 1040 : scroller.clientWidth;
  view.width = Math.max(200, width - NAMES - 1);
  showNames();
  readColours();
  showLegend();
  draw();
  showServers();
}

new ResizeObserver(layOut).observe(byId("timeline"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", layOut);
function print(isOn) {
  view.printing = isOn;
  document.documentElement.style.colorScheme = isOn ? "light" : "";
  layOut();
}
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
addEventListener("hashchange", obeyAddress);

function begin() {
  byId("title").replaceChildren(`${run.scenario} `, element("small", {}, run.failure ? "failed" : ""));
  byId("about").textContent = `seed ${run.seed} · ${run.about}`;
  byId("about").title = run.about;
  byId("again").textContent = `${run.command}   fingerprint ${run.fingerprint}`;
  if (run.failure) {
    byId("banner").hidden = false;
    byId("property").textContent = run.failure.property;
    byId("facts").textContent = run.failure.facts;
  }
  picture.setAttribute("aria-label", `${run.nodes} nodes, ${count} records in ${lengthText(run.end)}; `
    + "j and k step from event to event, a question mark shows all keys");
  showChoices();
  view.cursor = count ? firstOf(count - 1) : 0;
  layOut();
  if (!obeyAddress()) {
    if (failedAt === null) {
      lookAtAll();
      goTo(view.cursor);
      byId("scroller").scrollTop = 0;
    } else {
      lookAtFailure();
    }
  }
  draw();
  speed.loaded = performance.now();
  byId("speed").textContent = speedText();
}
begin();
