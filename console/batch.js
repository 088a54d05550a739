/** The page of one batch: its progress, the result of each row, and the buttons. */

import { ApiError, callForAnswer, get, post, showProblem, statusOf } from "./api.js";
import { isRunning, Progress } from "./batches.js";
import { wait } from "./clock.js";
import { saveAs, saveVideo } from "./download.js";
import { count, dateTime, readable, usd } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { usePoll } from "./poll.js";
import { to } from "./route.js";
import { texts } from "./texts.js";
import { ask, say, sayError } from "./toasts.js";

/** @import { Batch as BatchAnswer, ReportRow } from "./types.js" */

const t = texts.batches;
const ROWS = 100; // rows of the report that "More rows" adds
const PLACES = 8; // of rows that are loaded
const SHOWN = 8; // rows with the same error
const BETWEEN = 400; // milliseconds between two downloads
const PAUSE = 5000; // milliseconds until the next poll for finished videos

/**
 * Render the page of one batch.
 * @param {{ part: string }} props
 */
export function Batch({ part: id }) {
  const [batch, setBatch] = useState(/** @type {BatchAnswer | null} */ (null));
  const [loaded, setLoaded] = useState(/** @type {ReportRow[] | null} */ (null));
  const [wanted, setWanted] = useState(ROWS);
  const [problem, setProblem] = useState("");
  const wake = usePoll(async () => {
    try {
      const found = await get("v2/batches", { batch_id: id });
      setBatch(found);
      setLoaded(found.rows ? await report(id, wanted) : []);
      setProblem("");
      return isRunning(found);
    } catch (error) {
      // A batch exists only once its uploaded file is read.
      if (statusOf(error) === 404) setProblem(t.uploaded);
      else showProblem(error, setProblem);
      throw error;
    }
  }, [id, wanted]);
  const reporting = (/** @type {() => Promise<void>} */ run) => async () => {
    try {
      await run();
      wake();
    } catch (error) {
      sayError(error);
    }
  };
  const retry = reporting(async () => {
    setBatch(await post(`v2/batches/${id}/retry`));
    say(t.retried);
  });
  const cancel = reporting(async () => {
    if (!(await ask(t.cancelAsk, t.cancelHint, t.cancel))) return;
    setBatch(await post(`v2/batches/${id}/cancel`));
    say(t.cancelled);
  });
  const csv = (/** @type {number} */ revision = 0) =>
    reporting(async () => {
      const name = `${batch?.name.replace(/\.\w+$/, "")}${revision ? `-${revision}` : ""}`;
      saveAs(new Blob([await wholeReport(id, revision || undefined)], { type: "text/csv" }), `report-${name}.csv`);
    })();
  if (!batch) return html`<div class="nothing"><p role="status">${problem || texts.loading}</p></div>`;
  const rows = loaded ?? [];
  const failed = (batch.counts?.error ?? 0) + (isRunning(batch) ? 0 : (batch.counts?.not_started ?? 0));
  const hasRows = (batch.rows ?? 0) > 0;
  const earlier = batch.revisions.filter(({ revision }) => revision < batch.revision);
  return html`<section class="batch">
    <p><a class="row" href=${to("batches")}><${Icon} name="back" />${t.back}</a></p>
    <h1><bdi>${batch.name}</bdi> <span class="state ${batch.status}">${t.statuses[batch.status]}</span></h1>
    <p class="hint"><time dateTime=${batch.created_at}>${dateTime(batch.created_at)}</time></p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${batch.error && html`<p class="failure">${readable(batch.error.message)}</p>`}
    ${batch.held_back && html`<p class="failure">${readable(batch.held_back)}</p>`}
    ${batch.counts && html`<${Progress} counts=${batch.counts} rows=${batch.rows ?? 0} isWhole=${true} />`}
    <div class="actions bar-of-actions">
      <a class="button primary" href=${to("", { batch: id })}><${Icon} name="film" />${t.showVideos}</a>
      ${failed > 0 && hasRows && html`<button type="button" onClick=${retry}><${Icon} name="retry" />${t.retry}${priceOf(batch, rows, failed)}</button>`}
      ${hasRows && html`<${DownloadAll} batch=${batch} />`}
      ${hasRows && html`<button type="button" onClick=${() => csv()}><${Icon} name="download" />${t.reportCsv}</button>`}
      ${isRunning(batch) && html`<button type="button" class="danger" onClick=${cancel}>${t.cancel}</button>`}
    </div>
    <${Errors} rows=${rows} isAll=${rows.length >= (batch.rows ?? 0)} />
    ${earlier.length > 0 &&
    html`<h2>${t.revisions}</h2>
      <ul class="past">${earlier.map((one) => html`<li key=${one.revision}><span>${t.revision(one.revision, t.rows(one.rows))}, <time dateTime=${one.started_at}>${dateTime(one.started_at)}</time></span>
        <button type="button" onClick=${() => csv(one.revision)}><${Icon} name="download" />${t.reportCsv}</button></li>`)}</ul>`}
    ${rows.length > 0 && html`<${Rows} rows=${rows} />`}
    ${!loaded && !problem && hasRows && html`<${RowsToCome} number=${batch.rows ?? 0} />`}
    ${loaded && rows.length < (batch.rows ?? 0) && html`<p><button type="button" onClick=${() => setWanted(wanted + ROWS)}>${t.moreRows}</button></p>`}
  </section>`;
}

/**
 * Return about what a retry of failed rows costs, by the mean price of the rows that were made, as the end of a button's text.
 * @param {BatchAnswer} batch
 * @param {ReportRow[]} rows
 * @param {number} failed
 */
function priceOf(batch, rows, failed) {
  const paid = rows.flatMap(({ usd: price }) => (price ? [price] : []));
  if (!paid.length || isRunning(batch)) return "";
  return ` · ${t.about(usd((paid.reduce((sum, one) => sum + one, 0) / paid.length) * failed))}`;
}

/**
 * The reasons of failed rows, each once with its count.
 * @param {{ rows: ReportRow[], isAll: boolean }} props `isAll` says whether these are all rows of the batch
 */
function Errors({ rows, isAll }) {
  /** @type {Map<string, number[]>} */
  const found = new Map();
  for (const { error, row } of rows) if (error) found.set(readable(error), [...(found.get(readable(error)) ?? []), row]);
  if (!found.size) return null;
  const often = [...found].sort(([, a], [, b]) => b.length - a.length);
  return html`<h2>${t.errors}</h2>
    <ul class="stack close">
      ${often.map(
        ([error, failed]) => html`<li key=${error} class="failure"><strong>${count(failed.length)}${!isAll && "+"} ×</strong> <bdi>${error}</bdi> <small>${t.rowsOf(failed.slice(0, SHOWN).map(count).join(", "), failed.length, SHOWN)}</small></li>`,
      )}
    </ul>`;
}

/**
 * Render the places of the first rows while the report is loaded.
 * @param {{ number: number }} props
 */
function RowsToCome({ number }) {
  const places = Array.from({ length: Math.min(number, PLACES) }, (_, index) => html`<span key=${index} class="thumb"></span>`);
  return html`<h2>${t.report}</h2><div class="stack close skeleton rows" aria-hidden="true">${places}</div>`;
}

/** @param {{ rows: ReportRow[] }} props */
function Rows({ rows }) {
  return html`<h2>${t.report}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.report}><table>
      <thead><tr><th scope="col" class="number">${t.row}</th><th scope="col" class="widest">${t.prompt}</th><th scope="col">${t.status}</th><th scope="col">${t.result}</th></tr></thead>
      <tbody>
        ${rows.map(
          (row) => html`<tr key=${row.row}>
            <td class="number">${count(row.row)}</td>
            <td class="widest" dir="auto">${row.name && html`<strong>${row.name}</strong> `}${(row.prompt ?? "").slice(0, 160)}</td>
            <td><span class="state ${row.status.replace(" ", "-")}">${row.status === "not started" ? t.notStarted : texts.stage[row.status]}</span></td>
            <td>${row.generation_id && row.status === "completed" ? html`<a href=${to("video", row.generation_id)}>${t.open}</a>` : row.generation_id && row.status !== "error" ? html`<a href=${to("video", row.generation_id)}>${row.generation_id.slice(0, 8)}</a>` : readable(row.error ?? "")}</td>
          </tr>`,
        )}
      </tbody>
    </table></div>`;
}

/**
 * A button that saves each video once it is finished, until all are saved or the user stops it.
 * @param {{ batch: BatchAnswer }} props
 */
function DownloadAll({ batch }) {
  const [isOn, setOn] = useState(false);
  const [saved, setSaved] = useState(0);
  const had = useRef(/** @type {Set<string>} */ (new Set()));
  const latest = useRef(batch);
  latest.current = batch;
  useEffect(() => {
    if (!isOn) return undefined;
    let isOver = false;
    const run = async () => {
      while (!isOver) {
        const { id, rows } = latest.current;
        const wasRunning = isRunning(latest.current);
        try {
          const done = (await report(id, rows ?? 0)).filter(({ status }) => status === "completed");
          const ready = done.map((row) => row.generation_id ?? "").filter((video) => video && !had.current.has(video));
          for (const video of ready) {
            if (isOver) return;
            if (await isSaved(video)) setSaved((before) => before + 1);
            had.current.add(video);
            await wait(BETWEEN);
          }
          if (!ready.length && !wasRunning) {
            setOn(false);
            return;
          }
          if (!ready.length) await wait(PAUSE);
        } catch (error) {
          if (!isPassing(error)) throw error;
          await wait(PAUSE); // it continues where it was once there is a connection again
        }
      }
    };
    run().catch((error) => {
      sayError(error);
      setOn(false);
    });
    return () => {
      isOver = true;
    };
  }, [isOn]);
  const label = isOn ? `${t.downloadMore(count(saved))} – ${t.stopDownload}` : t.downloadAll;
  return html`<button type="button" aria-pressed=${isOn} onClick=${() => setOn(!isOn)}><${Icon} name="download" />${label}</button>`;
}

/** @param {unknown} error */
const isPassing = (error) => error instanceof ApiError && error.isPassing;

/**
 * Save a video and return whether that succeeded. A deleted video does not stop the others.
 * @param {string} id
 */
async function isSaved(id) {
  try {
    await saveVideo(id);
    return true;
  } catch (error) {
    if (statusOf(error) === 401 || isPassing(error)) throw error;
    sayError(error);
    return false;
  }
}

/**
 * Return the first rows of the report.
 * @param {string} id
 * @param {number} most
 */
async function report(id, most) {
  /** @type {ReportRow[]} */
  const rows = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    const page = await get(`v2/batches/${id}/report`, { limit: Math.min(500, most - rows.length), cursor });
    rows.push(...page.data);
    cursor = page.next_cursor ?? undefined;
  } while (cursor && rows.length < most);
  return rows;
}

/**
 * Return the whole report as CSV, by default that of the latest revision.
 * @param {string} id
 * @param {number} [revision]
 */
async function wholeReport(id, revision) {
  let text = "";
  /** @type {string | undefined} */
  let cursor;
  let more = true;
  while (more) {
    const part = await callForAnswer("GET", `v2/batches/${id}/report`, { query: { format: "csv", cursor, revision } });
    text += await part.text();
    cursor = /cursor=([0-9]+)/.exec(part.headers.get("Link") ?? "")?.[1];
    more = cursor !== undefined;
  }
  return text;
}
