/** The page of one batch: its progress, the result of each row, and the buttons. */

import { ApiError, callForAnswer, get, post, showProblem, statusOf } from "./api.js";
import { isRunning } from "./batches.js";
import { wait } from "./clock.js";
import { saveAs, saveVideo } from "./download.js";
import { count, dateTime, readable } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { usePoll } from "./poll.js";
import { to } from "./route.js";
import { texts } from "./texts.js";
import { ask, say, sayError } from "./toasts.js";

/** @import { Batch as BatchAnswer, BatchCounts, ReportRow } from "./types.js" */

const t = texts.batches;
/** @type {(keyof BatchCounts)[]} */
const ORDER = ["completed", "generating", "queued", "not_started", "error"];
const ROWS = 100; // rows of the report that "More rows" adds
const BETWEEN = 400; // milliseconds between two downloads
const PAUSE = 5000; // milliseconds until the next poll for finished videos

/**
 * Render the page of one batch.
 * @param {{ part: string }} props
 */
export function Batch({ part: id }) {
  const [batch, setBatch] = useState(/** @type {BatchAnswer | null} */ (null));
  const [rows, setRows] = useState(/** @type {ReportRow[]} */ ([]));
  const [wanted, setWanted] = useState(ROWS);
  const [problem, setProblem] = useState("");
  const wake = usePoll(async () => {
    try {
      const found = await get("v2/batches", { batch_id: id });
      setBatch(found);
      setRows(found.rows ? await report(id, wanted) : []);
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
  const failed = (batch.counts?.error ?? 0) + (isRunning(batch) ? 0 : (batch.counts?.not_started ?? 0));
  const hasRows = (batch.rows ?? 0) > 0;
  const earlier = batch.revisions.filter(({ revision }) => revision < batch.revision);
  return html`<section class="batch">
    <p><a href=${to("batches")}>${t.back}</a></p>
    <h1>${batch.name} <span class="state ${batch.status}">${t.statuses[batch.status]}</span></h1>
    <p class="hint"><time dateTime=${batch.created_at}>${dateTime(batch.created_at)}</time></p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${batch.error && html`<p class="failure">${readable(batch.error.message)}</p>`}
    ${batch.held_back && html`<p class="failure">${readable(batch.held_back)}</p>`}
    ${batch.counts && html`<${Progress} counts=${batch.counts} rows=${batch.rows ?? 0} />`}
    <div class="actions">
      <a class="button" href=${to("", { batch: id })}>${t.showVideos}</a>
      ${hasRows && html`<button type="button" onClick=${() => csv()}>${t.reportCsv}</button>`}
      ${hasRows && html`<${DownloadAll} batch=${batch} />`}
      ${failed > 0 && hasRows && html`<button type="button" onClick=${retry}>${t.retry}</button>`}
      ${isRunning(batch) && html`<button type="button" class="danger" onClick=${cancel}>${t.cancel}</button>`}
    </div>
    ${earlier.length > 0 &&
    html`<h2>${t.revisions}</h2>
      <ul>${earlier.map((one) => html`<li key=${one.revision}>${t.revision(one.revision, t.rows(one.rows))}, <time dateTime=${one.started_at}>${dateTime(one.started_at)}</time>${" "}
        <button type="button" onClick=${() => csv(one.revision)}>${t.reportCsv}</button></li>`)}</ul>`}
    ${rows.length > 0 && html`<${Rows} rows=${rows} />`}
    ${rows.length < (batch.rows ?? 0) && html`<p><button type="button" onClick=${() => setWanted(wanted + ROWS)}>${t.moreRows}</button></p>`}
  </section>`;
}

/** @param {{ counts: BatchCounts, rows: number }} props */
function Progress({ counts, rows }) {
  const done = counts.completed + counts.error;
  return html`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax=${rows} aria-valuenow=${done} aria-label=${t.progressLabel(count(done), count(rows))}>
      ${ORDER.map((name) => counts[name] > 0 && html`<span key=${name} class="part ${name}" style=${{ flexGrow: counts[name] }}></span>`)}
    </div>
    <p class="counts">${ORDER.filter((name) => counts[name] > 0).map((name) => html`<span key=${name} class="count ${name}">${count(counts[name])} ${t.counts[name]}</span> `)}</p>`;
}

/** @param {{ rows: ReportRow[] }} props */
function Rows({ rows }) {
  return html`<h2>${t.report}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.report}><table>
      <thead><tr><th scope="col" class="number">${t.row}</th><th scope="col">${t.prompt}</th><th scope="col">${t.status}</th><th scope="col">${t.result}</th></tr></thead>
      <tbody>
        ${rows.map(
          (row) => html`<tr key=${row.row}>
            <td class="number">${count(row.row)}</td>
            <td>${row.name && html`<strong>${row.name}</strong> `}${(row.prompt ?? "").slice(0, 160)}</td>
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
  return html`<button type="button" aria-pressed=${isOn} onClick=${() => setOn(!isOn)}>${label}</button>`;
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
