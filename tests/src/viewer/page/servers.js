// What each server was at a moment: frames are what the film has of it, in the order of the steps.

const ROLES = ["follower", "candidate", "leader"];
const LETTERS = ["", "C", "L"];

for (const [event, fields, log] of run.frames) {
  const [node, role, term, vote, leader, commit, applied, covered, coveredTerm, last, lastTerm] = fields;
  const record = firstRecordOf(event);
  const before = laneOf[node].frames.at(-1) ?? null;
  laneOf[node].frames.push({
    event, record, at: records.at[record], before, role, term, vote, leader, commit, applied,
    covered, coveredTerm, last, lastTerm, log: log && { from: log[0], entries: log[1] },
  });
}

// Stretches of time in which a server has one role and one term, without those in which it is down.
for (const lane of lanes) {
  const down = lane.bands.filter((band) => band.what === "down");
  const add = (from, to, frame) => {
    const last = lane.stretches.at(-1);
    if (last && last.to === from && last.role === frame.role && last.term === frame.term) {
      last.to = to;
    } else if (to > from) {
      lane.stretches.push({ from, to, role: frame.role, term: frame.term });
    }
  };
  lane.frames.forEach((frame, place) => {
    let from = frame.at;
    const to = lane.frames[place + 1]?.at ?? run.end;
    for (const band of down) {
      if (band.to <= from || band.from >= to) continue;
      add(from, band.from, frame);
      from = band.to;
    }
    add(from, to, frame);
  });
}

// A server's frame after an event, or null before its first.
function frameAfter(lane, event) {
  const next = firstPlace(lane.frames.length, (place) => lane.frames[place].event > event);
  return lane.frames[next - 1] ?? null;
}

// Whether a node is down after a record.
function isDown(lane, record) {
  const time = records.at[record];
  return lane.bands.some((band) =>
    band.what === "down" && band.from <= time && (time < band.to || band.to === run.end));
}

// The entries of a log from index `low` on, as a map from the index to [term, command]. A frame says
// what became of the log from an index on, so it is read backwards: the latest frame wins.
function logFrom(frame, low) {
  const entries = new Map();
  let missing = Infinity;
  for (let it = frame; it && missing > low; it = it.before) {
    if (!it.log || it.log.from >= missing) continue;
    const { from, entries: flat } = it.log;
    const end = Math.min(missing, from + flat.length / 2);
    for (let index = Math.max(from, low); index < end; index++) {
      entries.set(index, [flat[2 * (index - from)], flat[2 * (index - from) + 1]]);
    }
    missing = from;
  }
  return entries;
}

const GLANCE = 4; // So many commands are told of one step.

// What entries of a server's log say, as far as they are there.
function commandsOf(frame, low, high) {
  const log = logFrom(frame, low);
  const words = [];
  for (let index = low; index <= high; index++) {
    if (!log.has(index)) continue;
    if (words.length === GLANCE) return [...words, "…"];
    words.push(`${index}: ${run.commands[log.get(index)[1]]}`);
  }
  return words;
}

// What is different between two frames of a server, in words.
function changes(before, after) {
  const words = [];
  const tell = (name, key, text = String) => {
    if (before?.[key] === after[key]) return;
    words.push([name, before && `${text(before[key])} →`, text(after[key])].filter(Boolean).join(" "));
  };
  const whom = (node) => (node === NOBODY ? "nobody" : `n${node}`);
  tell("role", "role", (role) => ROLES[role]);
  tell("term", "term");
  tell("vote", "vote", whom);
  tell("leader", "leader", whom);
  tell("commit", "commit");
  tell("applied", "applied");
  if (before && after.applied > before.applied) words.push(...commandsOf(after, before.applied + 1, after.applied));
  tell("snapshot up to", "covered");
  if (after.log) {
    const { from, entries } = after.log;
    const end = from + entries.length / 2 - 1;
    if (before && before.last >= from) words.push(`log: dropped from ${from} to ${before.last}`);
    if (end >= from) words.push(end > from ? `log: entries ${from} to ${end}` : `log: entry ${from}`);
    words.push(...commandsOf(after, from, end));
  }
  return words;
}
