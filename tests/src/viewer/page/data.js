"use strict";
// The run: what the page was given, and the indexes that make it quick to find things in it.
// A record is named by its place in the trace, a time is a number of nanoseconds.

const run = JSON.parse(document.getElementById("data").textContent);
const records = run.records;
const count = records.number.length;
const NOBODY = -1;

records.event = records.event.map((event) => run.events[event]);
for (const column of ["number", "at", "sent"]) records[column] = Float64Array.from(records[column]);
for (const column of ["node", "from", "kind", "loss", "doubled", "text"]) {
  records[column] = Int32Array.from(records[column]);
}

const isMessage = (record) => record < count && records.from[record] !== NOBODY;
const isLost = (record) => records.loss[record] !== NOBODY;
const isLate = (record) => records.at[record] - records.sent[record] > run.late;
const textOf = (record) => run.texts[records.text[record]];
const noteOf = (record) => textOf(record).split(": ")[0];

// The first place in [0, length) at which `is` holds, which it then does to the end.
function firstPlace(length, is) {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(middle)) high = middle; else low = middle + 1;
  }
  return low;
}

const firstRecordOf = (event) => firstPlace(count, (place) => records.number[place] >= event);

// Messages in the order of their arrival. `leastSent[i]` is when the first of those from `i` on was
// sent: what is in view can be found without looking at all.
const messages = Int32Array.from({ length: count }, (_, record) => record).filter(isMessage);
const leastSent = new Float64Array(messages.length + 1).fill(Infinity);
for (let i = messages.length - 1; i >= 0; i--) {
  leastSent[i] = Math.min(leastSent[i + 1], records.sent[messages[i]]);
}

// Hands every message to `see` that is under way at some time in [from, to], until it says true.
function eachMessage(from, to, see) {
  let i = firstPlace(messages.length, (place) => records.at[messages[place]] >= from);
  for (; i < messages.length && leastSent[i] <= to; i++) {
    if (records.sent[messages[i]] <= to && see(messages[i]) === true) return;
  }
}

// A lane for each node: a server of a cluster, or a client.
const clusterOf = new Array(run.nodes).fill(null);
const labels = new Array(run.nodes).fill("client");
run.clusters.forEach((cluster, number) => cluster.nodes.forEach((node, place) => {
  clusterOf[node] = number;
  labels[node] = run.clusters.length > 1 ? cluster.name : `server ${place}`;
}));

const lanes = Array.from({ length: run.nodes }, (_, node) => ({
  node, name: `n${node}`, label: labels[node], cluster: clusterOf[node],
  records: [], notes: [], drawnNotes: [], frames: [], stretches: [], bands: [], calls: [],
}));
lanes.sort((a, b) => (a.cluster ?? 1e9) - (b.cluster ?? 1e9) || a.node - b.node);
const laneOf = new Array(run.nodes);
for (const lane of lanes) laneOf[lane.node] = lane;

// These notes are seen by other marks, or are too many to be drawn.
const QUIET = ["committed", "proposed", "takes a proposal", "turns a proposal down", "asks for"];

for (let record = 0; record < count; record++) {
  const lane = laneOf[records.node[record]];
  if (!lane) continue;
  lane.records.push(record);
  if (["note", "boot", "crash", "disk lost"].includes(records.event[record])) {
    lane.notes.push(record);
    if (!QUIET.includes(noteOf(record))) lane.drawnNotes.push(record);
  }
}
for (const band of run.bands) laneOf[band.node].bands.push(band);
for (const call of run.calls) laneOf[call.node]?.calls.push(call);

const notes = lanes.flatMap((lane) => lane.drawnNotes).sort((a, b) => a - b);

// The step after which it failed. What was lost as it was sent in that step comes later in the trace.
function stepOfFailure() {
  if (!run.failure || !count) return null;
  let record = Math.max(0, firstRecordOf(run.failure.event + 1) - 1);
  while (record > 0 && ["drop", "copy"].includes(records.event[record])) record--;
  return firstRecordOf(records.number[record]);
}
const failedAt = stepOfFailure();

// A time in words, with so many digits that `step` can be seen.
function timeText(time, step = 1000) {
  const [unit, size] = step >= 1e8 ? ["s", 1e9] : step >= 1e3 ? ["ms", 1e6] : ["µs", 1e3];
  const digits = Math.max(0, Math.ceil(Math.log10(size / step) - 1e-9));
  return `${(time / size).toLocaleString("en", {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  })} ${unit}`;
}

const lengthText = (length) => timeText(length, Math.max(1, 10 ** Math.floor(Math.log10(length) - 1)));
