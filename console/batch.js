/** One batch: how far it is, what became of each row, and what can be done with it. */

import { call, get, post } from "./api.js";
import { isRunning } from "./batches.js";
import { saveAs, saveVideo } from "./download.js";
import { count, dateTime } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { usePoll } from "./poll.js";
import { to } from "./route.js";
import { texts } from "./texts.js";
import { ask, say, sayError } from "./toasts.js";

const t = texts.batches;
const ORDER = ["completed", "generating", "queued", "not_started", "error"];
const ROWS = 100; // of the report, at once
const BETWEEN = 400; // milliseconds between two downloads
const PAUSE = 5000; // before it is looked for more of them

export function Batch({ part: id }) {
  const [batch, setBatch] = useState(null);
  const [rows, setRows] = useState([]);
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
      // One that was just uploaded is there once it is read.
      if (error.status === 404) setProblem(t.uploaded);
      else if (error.status !== 401) setProblem(error.message);
      throw error;
    }
  }, [id, wanted]);
  const attempt = (run) => async () => {
    try {
      await run();
      wake();
    } catch (error) {
      sayError(error);
    }
  };
  const retry = attempt(async () => {
    setBatch(await post(`v2/batches/${id}/retry`));
    say(t.retried);
  });
  const cancel = attempt(async () => {
    if (!(await ask(t.cancelAsk, t.cancelHint, t.cancel))) return;
    setBatch(await post(`v2/batches/${id}/cancel`));
    say(t.cancelled);
  });
  const csv = attempt(async () => saveAs(new Blob([await wholeReport(id)], { type: "text/csv" }), `report-${batch.name.replace(/\.\w+$/, "")}.csv`));
  if (!batch) return html`<div class="nothing"><p role="status">${problem || texts.loading}</p></div>`;
  const failed = (batch.counts?.error ?? 0) + (isRunning(batch) ? 0 : (batch.counts?.not_started ?? 0));
  return html`<section class="batch">
    <p><a href=${to("batches")}>${t.back}</a></p>
    <h1>${batch.name} <span class="state ${batch.status}">${t.statuses[batch.status]}</span></h1>
    <p class="hint"><time dateTime=${batch.created_at}>${dateTime(batch.created_at)}</time></p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${batch.error && html`<p class="failure">${batch.error.message}</p>`}
    ${batch.counts && html`<${Progress} batch=${batch} />`}
    <div class="actions">
      <a class="button" href=${to("", { batch: id })}>${t.showVideos}</a>
      ${batch.rows > 0 && html`<button type="button" onClick=${csv}>${t.reportCsv}</button>`}
      ${batch.rows > 0 && html`<${DownloadAll} batch=${batch} />`}
      ${failed > 0 && batch.rows > 0 && html`<button type="button" onClick=${retry}>${t.retry}</button>`}
      ${isRunning(batch) && html`<button type="button" class="danger" onClick=${cancel}>${t.cancel}</button>`}
    </div>
    ${rows.length > 0 && html`<${Rows} rows=${rows} />`}
    ${rows.length < (batch.rows ?? 0) && html`<p><button type="button" onClick=${() => setWanted(wanted + ROWS)}>${t.moreRows}</button></p>`}
  </section>`;
}

function Progress({ batch }) {
  const { counts, rows } = batch;
  const done = counts.completed + counts.error;
  return html`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax=${rows} aria-valuenow=${done} aria-label=${t.progressLabel(count(done), count(rows))}>
      ${ORDER.map((name) => counts[name] > 0 && html`<span key=${name} class="part ${name}" style=${{ flexGrow: counts[name] }}></span>`)}
    </div>
    <p class="counts">${ORDER.filter((name) => counts[name] > 0).map((name) => html`<span key=${name} class="count ${name}">${count(counts[name])} ${t.counts[name]}</span> `)}</p>`;
}

function Rows({ rows }) {
  return html`<h2>${t.report}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label=${t.report}><table>
      <thead><tr><th scope="col" class="number">${t.row}</th><th scope="col">${t.prompt}</th><th scope="col">${t.status}</th><th scope="col">${t.result}</th></tr></thead>
      <tbody>
        ${rows.map(
          (row) => html`<tr key=${row.row}>
            <td class="number">${count(row.row)}</td>
            <td>${row.name && html`<strong>${row.name}</strong> `}${(row.prompt ?? "").slice(0, 160)}</td>
            <td><span class="state ${row.status.replace(" ", "-")}">${texts.stage[row.status] ?? t.notStarted}</span></td>
            <td>${row.generation_id && row.status === "completed" ? html`<a href=${to("video", row.generation_id)}>${t.open}</a>` : row.generation_id && row.status !== "error" ? html`<a href=${to("video", row.generation_id)}>${row.generation_id.slice(0, 8)}</a>` : (row.error ?? "")}</td>
          </tr>`,
        )}
      </tbody>
    </table></div>`;
}

/** Videos are saved as they come, one after another, until all are there or it is stopped. */
function DownloadAll({ batch }) {
  const [isOn, setOn] = useState(false);
  const [saved, setSaved] = useState(0);
  const had = useRef(new Set());
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
          const ready = (await report(id, rows)).filter((row) => row.status === "completed" && !had.current.has(row.generation_id));
          for (const row of ready) {
            if (isOver) return;
            if (await isSaved(row.generation_id)) setSaved((before) => before + 1);
            had.current.add(row.generation_id);
            await waited(BETWEEN);
          }
          if (!ready.length && !wasRunning) return setOn(false);
          if (!ready.length) await waited(PAUSE);
        } catch (error) {
          if (!error.isPassing) throw error;
          await waited(PAUSE); // it goes on from where it was once there is a connection again
        }
      }
      return undefined;
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

const waited = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Save a video: whether it is there. One that was deleted keeps nobody from the others. */
async function isSaved(id) {
  try {
    await saveVideo(id);
    return true;
  } catch (error) {
    if (error.status === 401 || error.isPassing) throw error;
    sayError(error);
    return false;
  }
}

/** The first rows of the report. */
async function report(id, most) {
  const rows = [];
  let cursor;
  do {
    const page = await get(`v2/batches/${id}/report`, { limit: Math.min(500, most - rows.length), cursor });
    rows.push(...page.data);
    cursor = page.next_cursor ?? undefined;
  } while (cursor && rows.length < most);
  return rows;
}

/** All of it, as CSV. */
async function wholeReport(id) {
  let text = "";
  let cursor;
  let more = true;
  while (more) {
    const part = await call("GET", `v2/batches/${id}/report`, { query: { format: "csv", cursor }, as: "answer" });
    text += await part.text();
    cursor = /cursor=([0-9]+)/.exec(part.headers.get("Link") ?? "")?.[1];
    more = cursor !== undefined;
  }
  return text;
}
