// What stands around the picture: the event at the cursor, the servers and their logs, and what can
// be shown and hidden. Whatever comes from the run is put in as text, never as HTML.

// An element with attributes and children, which are elements or text.
function element(name, attributes = {}, ...children) {
  const it = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") it.addEventListener(key, value);
    else if (value !== null && value !== false) it.setAttribute(key, value);
  }
  it.append(...children);
  return it;
}

// ---- the event ------------------------------------------------------------------------------------

const nameOf = (node) => (node === NOBODY ? "all" : `n${node}`);
const millis = (time) => timeText(time, 1000);

// A record in words.
function wordsOf(record) {
  const [event, text] = [records.event[record], textOf(record)];
  if (event === "deliver") return `from n${records.from[record]}: ${text}`;
  if (event === "drop") {
    return `lost, from n${records.from[record]} (${run.losses[records.loss[record]][0]}): ${text}`;
  }
  if (event === "note") return text;
  return text ? `${event}: ${text}` : event;
}

const shortWords = (record) =>
  `${millis(records.at[record])}  ${nameOf(records.node[record])}  ${wordsOf(record)}`;

function jump(record, text, className = null) {
  return element("button", { click: () => goTo(record), title: wordsOf(record), class: className }, text);
}

// Messages that were sent in the step of a record.
function sentIn(record) {
  const [node, at] = [records.node[record], records.at[record]];
  const sent = [];
  if (node === NOBODY) return sent;
  eachMessage(at, at, (message) => {
    if (records.from[message] === node && records.sent[message] === at) sent.push(message);
  });
  return sent;
}

// The step in which a message was sent.
function sentAt(message) {
  const lane = laneOf[records.from[message]];
  const place = firstPlace(lane.records.length, (i) => records.at[lane.records[i]] >= records.sent[message]);
  const record = lane.records[place];
  return record !== undefined && records.at[record] === records.sent[message] ? record : null;
}

function showEvent() {
  const record = view.cursor;
  if (!count) return byId("event").replaceChildren("The trace is empty.");
  const event = records.number[record];
  const lane = laneOf[records.node[record]];
  const list = element("dl");
  const add = (term, ...what) =>
    list.append(element("dt", {}, term), ...what.map((it) => element("dd", {}, it)));
  for (let it = firstRecordOf(event); it < count && records.number[it] === event; it++) {
    const code = element("code", { class: records.event[it] === "drop" ? "lost" : null }, wordsOf(it));
    add(records.event[it], code);
    if (!isMessage(it)) continue;
    const way = records.at[it] - records.sent[it];
    const how = [`sent at ${millis(records.sent[it])}`];
    if (way) how.push(`${millis(way)} on its way`);
    if (isLate(it)) how.push("late");
    if (records.doubled[it]) how.push("one of two");
    const origin = sentAt(it);
    add("its way", origin === null ? how.join(", ") : jump(origin, how.join(", "), "way"));
  }
  const sent = sentIn(record);
  if (sent.length) {
    add("sent in this step", ...sent.map((message) => jump(message,
      `${isLost(message) ? "✕" : "→"} n${records.node[message]}  ${textOf(message)}`,
      isLost(message) ? "lost" : null)));
  }
  const frame = lane && frameAfter(lane, event);
  if (frame?.event === event) {
    const words = changes(frame.before, frame);
    add(`what changed of ${lane.name}`, ...words.map((word) => element("span", { class: "change" }, word)));
  }
  const who = lane ? `${lane.name}, ${lane.label}` : "all nodes";
  byId("event").replaceChildren(
    element("h2", {}, `${who} `, element("small", {}, `event ${event}, ${millis(records.at[record])}`)),
    list,
  );
}

// ---- the servers ----------------------------------------------------------------------------------

let logsOf = null; // The cluster that is shown.
let logsEnd = null; // The last index that is shown; null: the last that there is.

function showServers() {
  const panel = byId("servers");
  if (!run.frames.length) {
    panel.hidden = true;
    return;
  }
  const here = laneOf[records.node[view.cursor]]?.cluster ?? null;
  const cluster = logsOf ?? here ?? view.cluster ?? 0;
  view.cluster = cluster;
  const event = count ? records.number[view.cursor] : 0;
  const servers = run.clusters[cluster].nodes.map((node) => {
    const lane = laneOf[node];
    return { lane, frame: frameAfter(lane, event) };
  });
  const last = Math.max(0, ...servers.map(({ frame }) => Math.max(frame?.last ?? 0, frame?.covered ?? 0)));
  const room = Math.max(4, Math.floor((panel.clientWidth - 40 - 400) / 28));
  const end = Math.max(Math.min(logsEnd ?? last, last), Math.min(room, last));
  const low = Math.max(1, end - room + 1);
  const head = element("div", { class: "head" });
  if (run.clusters.length > 1) {
    run.clusters.forEach(({ name }, number) => head.append(element("button", {
      "aria-pressed": String(number === cluster),
      click: () => { logsOf = number; logsEnd = null; showServers(); },
    }, name)));
  }
  const turn = (by) => () => { logsEnd = Math.min(last, Math.max(room, end + by)); showServers(); };
  if (low > 1 || end < last) {
    head.append(
      element("button", { "aria-label": "Earlier entries", click: turn(-room + 2) }, "‹"),
      element("button", { "aria-label": "Later entries", click: turn(room - 2) }, "›"),
    );
  }
  head.append(element("span", { class: "note" },
    "filled: committed · dashed: not committed · underlined: applied · framed: new in this step"));
  const indexes = element("div", { class: "cells" });
  for (let index = low; index <= end; index++) {
    indexes.append(element("span", { class: "cell index" }, index < 1000 || index % 2 ? String(index) : ""));
  }
  const rows = [element("div", { class: "row" }, element("span", { class: "who" }), indexes)];
  for (const server of servers) rows.push(rowOf(server, low, end, event));
  panel.replaceChildren(head, ...rows);
}

function rowOf({ lane, frame }, low, end, event) {
  const who = element("span", { class: "who" }, element("b", {}, lane.name));
  const row = element("div", { class: "row", "data-node": lane.node }, who);
  if (!frame) {
    who.append("not there yet");
    return row;
  }
  const isNew = frame.event === event;
  const down = isDown(lane, view.cursor);
  if (down) row.classList.add("down");
  const say = (key, text, more = "") => element("span", {
    class: `${isNew && frame.before && frame.before[key] !== frame[key] ? "changed" : ""} ${more}`,
  }, text);
  who.append(
    element("span", {
      class: "chip", title: down ? "down" : ROLES[frame.role],
      style: down ? null : `background:${termColour(frame.term)};color:${termInk(frame.term)}`,
    }, `${down ? "down" : LETTERS[frame.role] || "F"} t${frame.term}`),
    say("vote", frame.vote === NOBODY ? "no vote" : `vote n${frame.vote}`, "vote"),
    say("commit", `commit ${frame.commit}`, "count"),
    say("applied", `applied ${frame.applied}`, "count"),
  );
  const cells = element("div", { class: "cells" });
  const entries = logFrom(frame, low);
  const changed = isNew && frame.log ? frame.log.from : Infinity;
  for (let index = low; index <= end; index++) {
    if (index <= frame.covered) cells.append(coveredCell(frame, index));
    else if (entries.has(index)) cells.append(entryCell(frame, index, entries.get(index), index >= changed));
    else if (index <= frame.last) cells.append(unknownCell(index));
    else break;
  }
  row.append(cells);
  return row;
}

const coveredCell = ({ covered, coveredTerm }, index) => element("span", {
  class: "cell covered",
  title: `entry ${index}: in the snapshot, which covers everything up to ${covered}@t${coveredTerm}`,
}, index === covered ? "S" : "");

const unknownCell = (index) =>
  element("span", { class: "cell open", title: `entry ${index}: not shown by this server` }, "?");

function entryCell(frame, index, [term, command], isNew) {
  const committed = index <= frame.commit;
  const applied = index <= frame.applied;
  const how = `${committed ? "committed" : "not committed"}${applied ? ", applied" : ""}`;
  return element("span", {
    class: `cell${committed ? "" : " open"}${applied ? " applied" : ""}${isNew ? " new" : ""}`,
    style: `background:${termColour(term)};color:${termInk(term)};border-color:${termColour(term)}`,
    title: `entry ${index}, term ${term}, ${how}\n${run.commands[command]}`,
  }, String(term));
}

// ---- lanes, kinds, legend, help -------------------------------------------------------------------

function showNames() {
  const names = view.lanes.map((lane) => element("button", {
    style: `height:${view.laneHeight}px`, title: `${lane.name}, ${lane.label}: step to its next event`,
    click: () => step(1, lane),
  }, element("b", {}, lane.name), element("small", {}, lane.label)));
  byId("names").replaceChildren(...names);
}

function choice(text, more, isOn, set) {
  const box = element("input", { type: "checkbox" });
  box.checked = isOn;
  box.addEventListener("change", () => set(box.checked));
  return element("label", {}, box, element("span", {}, text), element("span", {}, more));
}

function toggle(set, member, isOn) {
  if (isOn) set.delete(member); else set.add(member);
}

function showChoices() {
  const kinds = run.kinds.map(([name, number], kind) => choice(name, number.toLocaleString("en"),
    !view.hiddenKinds.has(kind), (on) => { toggle(view.hiddenKinds, kind, on); redraw(); }));
  byId("kinds").querySelector(".choices").replaceChildren(...kinds);
  const groups = new Map();
  for (const lane of lanes) {
    const name = lane.cluster === null ? "clients" : run.clusters[lane.cluster].name;
    if (!groups.has(name)) groups.set(name, [element("h2", {}, name)]);
    groups.get(name).push(choice(lane.name, lane.label, !view.hiddenLanes.has(lane.node), (on) => {
      toggle(view.hiddenLanes, lane.node, on);
      layOut();
    }));
  }
  byId("lanes").querySelector(".choices").replaceChildren(...[...groups.values()].flat());
}

// Heartbeats and their answers, on or off.
function toggleHeartbeats() {
  const beats = run.kinds.flatMap(([name], kind) => (name.startsWith("heartbeat") ? [kind] : []));
  const on = beats.some((kind) => view.hiddenKinds.has(kind));
  for (const kind of beats) toggle(view.hiddenKinds, kind, on);
  showChoices();
  redraw();
}

function showLegend() {
  const sample = (text, paint) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    paint(prepare(canvas, 34, 14));
    return element("span", {}, canvas, text);
  };
  const fake = (change) => (cx) => drawSample(cx, change);
  const items = [
    sample("delivered", fake({})),
    sample("lost", fake({ lost: true })),
    sample(`late: over ${run.late / 1e6} ms`, fake({ late: true })),
    sample("one of two", fake({ doubled: true })),
    ...["down", "paused", "cut_off", "parted"].map((what) =>
      sample(BANDS[what].text ?? "parted from some", (cx) => fillBand(cx, what, 0, 0, 34, 14))),
    sample("committed", (cx) => { cx.fillStyle = colours.ink; triangle(cx, 24, 4); }),
    sample("applied", (cx) => { cx.fillStyle = colours.ink; dot(cx, 24, 7); }),
    sample("how many arrive, or are lost", drawSampleBars),
    ...[2, 1, 0].map((role) => sample(ROLES[role], (cx) => drawSampleRole(cx, role, 3 - role))),
  ];
  byId("legend").replaceChildren(...items);
}

function drawSampleRole(cx, role, term) {
  const height = Math.min(14, BAR[role]);
  cx.fillStyle = termColour(term);
  box(cx, 0, 7 - height / 2, 34, height);
  if (role === 1) stripe(cx, 0, 7, 34, height);
  if (role === 2) label(cx, "L t1", 6, 7.5, { size: 10, weight: 650, colour: termInk(term) });
}

function drawSampleBars(cx) {
  [5, 9, 7, 11, 8, 6, 10].forEach((height, place) => {
    cx.globalAlpha = 0.5;
    cx.fillStyle = colours.faint;
    cx.fillRect(5 + place * 4, 14 - height, 3, height);
    cx.globalAlpha = 1;
    cx.fillStyle = colours.bad;
    if (place > 3) cx.fillRect(5 + place * 4, 11, 3, 3);
  });
}

function drawSample(cx, { lost, late, doubled }) {
  const colour = lost ? colours.bad : late ? colours.why : colours.faint;
  cx.strokeStyle = cx.fillStyle = colour;
  cx.setLineDash(late ? [6, 4] : []);
  cx.lineWidth = doubled ? 3.4 : 1;
  line(cx, 0, 7, 28, 7);
  cx.setLineDash([]);
  if (doubled) {
    cx.strokeStyle = colours.ground;
    cx.lineWidth = 1.4;
    line(cx, 0, 7, 28, 7);
    cx.strokeStyle = colour;
  }
  cx.lineWidth = 1.6;
  if (lost) {
    line(cx, 25, 3.5, 32, 10.5);
    line(cx, 25, 10.5, 32, 3.5);
    return;
  }
  cx.beginPath();
  for (const [px, py] of [[32, 7], [25.5, 4.4], [25.5, 9.6]]) cx.lineTo(px, py);
  cx.fill();
}

const KEYS = [
  ["j  k", "a step forwards, backwards"], ["J  K", "the same in this lane"],
  ["]  [", "the next note, the one before"], ["f", "the moment of failure"],
  ["Home  End", "the first event, the last"], ["←  →", "move the picture"],
  ["+  −", "zoom in, out; also the wheel"], ["0", "the whole run"],
  ["c", "the cursor in the middle"], ["h", "heartbeats on, off"],
  ["/", "search"], ["n  N", "the next hit, the one before"],
  ["?", "this help"], ["Esc", "close, leave the search"],
];

function showHelp() {
  const rows = KEYS.map(([keys, what]) => element("tr", {},
    element("td", {}, ...keys.split("  ").flatMap((key) => [element("kbd", {}, key), " "])),
    element("td", {}, what)));
  const half = Math.ceil(rows.length / 2);
  byId("help").replaceChildren(
    element("h2", {}, "Keys"),
    element("div", { class: "columns" },
      element("table", {}, ...rows.slice(0, half)), element("table", {}, ...rows.slice(half))),
    element("p", {}, "Drag the picture to move it, turn the wheel to zoom, click an arrow or a lane to put "
      + "the cursor there. The strip below is the whole run: click or drag in it. The address names the "
      + "cursor and what is in view, to be kept or sent."),
    element("p", { class: "note" },
      "Again: ", element("code", {}, run.command), ` · fingerprint ${run.fingerprint}`),
    element("p", { class: "note" }, speedText()),
    element("p", {}, element("button", { click: () => byId("help").close() }, "Close")),
  );
  byId("help").showModal();
}
