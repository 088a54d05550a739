/** The page of all batches. The API checks a file before anything starts. */

import { call, get, post, sendForm, showProblem, statusOf } from "./api.js";
import { count, readable, shortTime, usd } from "./format.js";
import { html, useRef, useState } from "./html.js";
import { usePoll } from "./poll.js";
import { go, to } from "./route.js";
import { texts } from "./texts.js";
import { ask, say, sayError } from "./toasts.js";

/** @import { Batch, BatchCheck, BatchCounts, Choice, Page, Query, RowProblem } from "./types.js" */

/**
 * The batches that are loaded, and where the next ones are.
 * @typedef {{ data: Batch[], cursor?: string | null }} Loaded
 */

const t = texts.batches;
const MOST_SENT = 4 << 20; // bytes that the API accepts in a request; a larger file is uploaded
const SHOWN = 100; // wrong rows
const NEWEST = 20; // batches that are loaded again and again
const PAGE = 50;
const WATCHED = 5; // running batches whose progress is loaded
const ASKS = 25; // US dollars: a file that costs more starts only after a question

/**
 * Return whether rows of a batch may still start or end.
 * @param {Batch} batch
 */
export const isRunning = ({ status }) => status === "reading" || status === "running" || status === "cancelling";

/**
 * Return the loaded batches together with their newest page, which was loaded again. `before` is null at first.
 * @param {Loaded | null} before
 * @param {Page<Batch>} page
 * @returns {Loaded}
 */
export function renewed(before, { data, next_cursor: next }) {
  const last = data.at(-1)?.created_at;
  const first = before?.data[0]?.created_at;
  // If more batches arrived than fit on a page, "More" loads those in between.
  if (!before || first === undefined || (next && last !== undefined && last > first)) return { data, cursor: next };
  const older = next && last !== undefined ? before.data.filter(({ created_at: at }) => at < last) : [];
  return { data: [...data, ...older], cursor: next && before.cursor };
}

/** Render the page of all batches. */
export function Batches() {
  const [batches, setBatches] = useState(/** @type {Loaded | null} */ (null));
  const [problem, setProblem] = useState("");
  const wake = usePoll(async () => {
    try {
      const page = await get("v2/batches", { limit: NEWEST });
      // A list does not count rows.
      const running = page.data.filter(isRunning).slice(0, WATCHED);
      const counted = new Map(await Promise.all(running.map(async ({ id }) => /** @type {[string, Batch]} */ ([id, await get("v2/batches", { batch_id: id })]))));
      page.data = page.data.map((one) => counted.get(one.id) ?? one);
      setBatches((before) => renewed(before, page));
      setProblem("");
      return page.data.some(isRunning);
    } catch (error) {
      showProblem(error, setProblem);
      throw error;
    }
  });
  const found = batches?.data ?? [];
  const cursor = batches?.cursor;
  const more = async () => {
    try {
      const page = await get("v2/batches", { limit: PAGE, cursor });
      setBatches((before) => (before && before.cursor === cursor ? { data: [...before.data, ...page.data], cursor: page.next_cursor } : before));
    } catch (error) {
      sayError(error);
    }
  };
  return html`<section class="batches">
    <h1>${t.title}</h1>
    <${Sending} onSent=${wake} />
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${!batches && !problem && html`<p class="hint">${texts.loading}</p>`}
    ${batches && !found.length && html`<p class="hint">${t.empty}</p>`}
    ${found.length > 0 &&
    html`<div class="scroll" tabindex="0" role="region" aria-label=${t.title}><table class="sent-files">
      <thead><tr><th scope="col">${t.name}</th><th scope="col">${t.status}</th><th scope="col" class="number">${t.report}</th><th scope="col">${t.created}</th></tr></thead>
      <tbody>
        ${found.map(
          (batch) => html`<tr key=${batch.id}>
            <td class="wide"><a href=${to("batch", batch.id)} dir="auto">${batch.name}</a></td>
            <td class="wide"><span class="state ${batch.status}">${t.statuses[batch.status]}</span>${batch.counts && html`<${Progress} counts=${batch.counts} rows=${batch.rows ?? 0} />`}</td>
            <td class="number">${batch.rows === null ? "–" : count(batch.rows)}</td>
            <td><time dateTime=${batch.created_at}>${shortTime(batch.created_at)}</time></td>
          </tr>`,
        )}
      </tbody>
    </table></div>`}
    ${cursor && html`<p><button type="button" onClick=${more}>${texts.more}</button></p>`}
  </section>`;
}

/** @type {(keyof BatchCounts)[]} */
const ORDER = ["completed", "generating", "queued", "not_started", "error"];

/**
 * Render how many rows have which status.
 * @param {{ counts: BatchCounts, rows: number, isWhole?: boolean }} props
 */
export function Progress({ counts, rows, isWhole = false }) {
  const done = counts.completed + counts.error;
  return html`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax=${rows} aria-valuenow=${done} aria-label=${t.progressLabel(count(done), count(rows))}>
      ${ORDER.map((name) => counts[name] > 0 && html`<span key=${name} class="part ${name}" style=${{ flexGrow: counts[name] }}></span>`)}
    </div>
    ${isWhole
      ? html`<p class="counts">${ORDER.filter((name) => counts[name] > 0).map((name) => html`<span key=${name} class="count ${name}">${count(counts[name])} ${t.counts[name]}</span> `)}</p>`
      : html`<small>${t.progressLabel(count(done), count(rows))}</small>`}`;
}

/**
 * A place to drop a file at, which is checked and then started.
 * @param {{ onSent: () => void }} props
 */
function Sending({ onSent }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [isOver, setOver] = useState(false);
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [check, setCheck] = useState(/** @type {BatchCheck | null} */ (null));
  const [problem, setProblem] = useState("");
  const [work, setWork] = useState("");
  const stop = (/** @type {Event} */ event) => event.preventDefault();
  const clear = () => {
    setFile(null);
    setCheck(null);
    setProblem("");
  };
  const take = async (/** @type {File | undefined} */ given) => {
    if (!given) return;
    clear();
    setFile(given);
    if (given.size > MOST_SENT) return;
    setWork(t.checking);
    try {
      setCheck(/** @type {BatchCheck} */ (await sent(given, { dry_run: "true" })));
    } catch (error) {
      if (statusOf(error) === 413) setCheck(null); // too many rows to check while the user waits
      else {
        showProblem(error, (message) => {
          setProblem(message);
          setFile(null);
        });
      }
    } finally {
      setWork("");
    }
  };
  const start = async (/** @type {Choice | undefined} */ existing) => {
    if (!file) return;
    if (check && check.estimated_usd > ASKS && !(await ask(t.costAsk(usd(check.estimated_usd)), t.cost(usd(check.estimated_usd), usd(check.at_most_usd)), t.costYes))) return;
    setWork(t.checking);
    try {
      if (check) {
        const batch = /** @type {Batch} */ (await sent(file, { force: check.problem_rows ? "true" : undefined, existing }));
        say(t.started);
        go("batch", batch.id);
      } else {
        const { id, upload } = await post("v2/batches", undefined, { query: { name: file.name, upload: "true" } });
        await sendForm(upload, file);
        say(t.uploaded);
        clear();
        onSent();
        go("batch", id);
      }
    } catch (error) {
      showProblem(error, setProblem);
    } finally {
      setWork("");
    }
  };
  return html`<div class="sending">
    <div class="drop large ${isOver ? "is-over" : ""}" onDragEnter=${(event) => (stop(event), setOver(true))} onDragOver=${stop}
        onDragLeave=${() => setOver(false)} onDrop=${(event) => (stop(event), setOver(false), take(event.dataTransfer.files[0]))}>
      <span>${t.drop} <button type="button" class=${file ? "" : "primary"} onClick=${() => input.current?.click()}>${t.choose}</button></span>
      <span class="hint">${t.hint}</span>
      <input ref=${input} type="file" class="unseen" tabindex="-1" aria-hidden="true" accept=".csv,.tsv,.jsonl,.json"
        onChange=${(event) => (take(event.target.files?.[0]), (event.target.value = ""))} />
    </div>
    ${work && html`<p role="status">${work}</p>`}
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${file && !work && html`<${Checked} file=${file} check=${check} onStart=${start} onClear=${clear} />`}
  </div>`;
}

/**
 * @param {File} file
 * @param {Query} query
 */
const sent = (file, query) =>
  call("POST", "v2/batches", { query: { name: file.name, ...query }, body: file, headers: { "Content-Type": "application/octet-stream" } });

/**
 * What the API said about the file, with wrong rows by row and column. Nothing has started yet.
 * @param {{ file: File, check: BatchCheck | null, onStart: (existing?: Choice) => void, onClear: () => void }} props
 */
function Checked({ file, check, onStart, onClear }) {
  if (!check) {
    return html`<div class="checked"><h2>${file.name}</h2><p>${t.tooLarge}</p>
      <p class="actions"><button type="button" class="primary" onClick=${() => onStart()}>${t.startUnchecked}</button>
      <button type="button" onClick=${onClear}>${t.another}</button></p></div>`;
  }
  const wrong = check.problem_rows;
  const fine = check.rows - wrong;
  const news = check.new;
  return html`<div class="checked">
    <h2>${file.name}: ${t.rows(check.rows)}</h2>
    <p role="status">${wrong ? t.problems(wrong) : t.fine} ${wrong > 0 && fine > 0 && t.problemsHint}</p>
    ${news > 0 && html`<p>${t.cost(usd(check.estimated_usd), usd(check.at_most_usd))}</p>`}
    ${check.unpriced > 0 && html`<p class="problem">${t.unpriced(t.rows(check.unpriced))}</p>`}
    ${check.made_before > 0 && html`<p>${t.madeBefore(count(check.made_before))}</p>`}
    ${check.failed_before > 0 && html`<p>${t.failedBefore(count(check.failed_before))}</p>`}
    ${check.dropped > 0 && html`<p class=${check.choices.length ? "problem" : ""}>${t.drops(count(check.dropped), count(check.rows_before))}</p>`}
    ${check.made_elsewhere && html`<p class="problem">${t.elsewhere(count(check.made_elsewhere.rows), check.made_elsewhere.name)}</p>`}
    ${wrong > 0 && html`<${Problems} problems=${check.problems} all=${wrong} />`}
    <p class="actions">
      ${fine > 0 && !check.choices.length && html`<button type="button" class="primary" onClick=${() => onStart()}>${wrong ? t.startOthers(news) : t.start(news)}${news > 0 && ` · ${usd(check.estimated_usd)}`}</button>`}
      ${fine > 0 && check.choices.map((choice) => html`<button key=${choice} type="button" onClick=${() => onStart(choice)}>${choice === "reuse" ? t.choices.reuse(check.made_elsewhere?.name ?? "") : t.choices[choice]}</button>`)}
      <button type="button" onClick=${onClear}>${t.another}</button>
    </p>
  </div>`;
}

/** @param {{ problems: RowProblem[], all: number }} props */
function Problems({ problems, all }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.problems(all)}><table>
      <thead><tr><th scope="col" class="number">${t.row}</th><th scope="col" class="number">${t.line}</th><th scope="col">${t.column}</th><th scope="col">${t.problem}</th></tr></thead>
      <tbody>
        ${problems.slice(0, SHOWN).map(
          ({ row, line, fields, message }) => html`<tr key=${row}><td class="number">${count(row)}</td><td class="number">${count(line)}</td><td><code>${fields.join(", ")}</code></td><td>${readable(message)}</td></tr>`,
        )}
      </tbody>
    </table></div>
    ${all > SHOWN && html`<p class="hint">${t.first(SHOWN, count(all))}</p>`}`;
}
