// Search in what happened: messages, notes, and the names of events.

const HITS_SHOWN = 300;
let lowered = null; // All texts in lower case, made when they are first searched.

function search(wanted) {
  const text = wanted.trim().toLowerCase();
  lowered ??= run.texts.map((it) => it.toLowerCase());
  view.hits = [];
  if (text) {
    const found = lowered.map((it) => it.includes(text));
    const named = new Set(records.event.filter((it) => it.includes(text)));
    for (let record = 0; record < count; record++) {
      if (found[records.text[record]] || named.has(records.event[record])) view.hits.push(record);
    }
  }
  showHits();
  redraw();
}

// The place among the hits of the first one that is not before the cursor.
const hitAtCursor = () => firstPlace(view.hits.length, (i) => view.hits[i] >= view.cursor);

// Goes to the next hit, or the one before; after the last comes the first.
function nextHit(by) {
  const { hits } = view;
  if (!hits.length) return;
  const here = hitAtCursor();
  const isOn = hits[here] === view.cursor;
  const place = by > 0 ? here + (isOn ? 1 : 0) : here - 1;
  goTo(hits[(place + hits.length) % hits.length]);
}

function showHits() {
  const { hits } = view;
  const wanted = byId("search").value.trim();
  const here = hitAtCursor();
  const isOn = hits[here] === view.cursor;
  byId("found").textContent = wanted ? `${isOn ? here + 1 : "–"} / ${hits.length.toLocaleString("en")}` : "";
  if (!wanted) return byId("hits").replaceChildren();
  const first = Math.max(0, Math.min(here - 20, hits.length - HITS_SHOWN));
  const shown = hits.slice(first, first + HITS_SHOWN);
  const rest = hits.length - shown.length;
  byId("hits").replaceChildren(
    element("h2", {}, hits.length === 1 ? "1 hit" : `${hits.length.toLocaleString("en")} hits`),
    ...shown.map((record) => jump(record, shortWords(record), record === view.cursor ? "here" : null)),
    rest ? element("p", { class: "note" }, `and ${rest.toLocaleString("en")} more: n goes through all`) : "",
  );
}
