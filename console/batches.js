/** Batches: a file is checked by the API before anything starts, then sent; below, those that were. */

import { call, get, post, sendForm } from "./api.js";
import { count, shortTime, usd } from "./format.js";
import { html, useRef, useState } from "./html.js";
import { usePoll } from "./poll.js";
import { go, to } from "./route.js";
import { columnOf } from "./schema.js";
import { texts } from "./texts.js";
import { say, sayError } from "./toasts.js";

const t = texts.batches;
const MOST_SENT = 4 << 20; // bytes that the API takes in a request; a larger file is uploaded
const SHOWN = 100; // wrong rows
const NEWEST = 20; // looked at again and again
const PAGE = 50;

export const isRunning = ({ status }) => status === "reading" || status === "running";

/** The batches with the newest page of them, which was loaded again; before there is any, null is. */
export function renewed(before, { data, next_cursor: next }) {
  const last = data.at(-1)?.created_at;
  const first = before?.data[0]?.created_at;
  // Where more came than is on a page, what is between is reached by "more".
  if (first === undefined || (next && last > first)) return { data, cursor: next };
  const older = next ? before.data.filter(({ created_at: at }) => at < last) : [];
  return { data: [...data, ...older], cursor: next && before.cursor };
}

export function Batches() {
  const [batches, setBatches] = useState(null); // {data, cursor}: those that are loaded, and where the next ones are
  const [problem, setProblem] = useState("");
  const wake = usePoll(async () => {
    try {
      const page = await get("v2/batches", { limit: NEWEST });
      setBatches((before) => renewed(before, page));
      setProblem("");
      return page.data.some(isRunning);
    } catch (error) {
      if (error.status !== 401) setProblem(error.message);
      throw error;
    }
  });
  const { data: found = null, cursor } = batches ?? {};
  const more = async () => {
    try {
      const page = await get("v2/batches", { limit: PAGE, cursor });
      setBatches((before) => (before.cursor === cursor ? { data: [...before.data, ...page.data], cursor: page.next_cursor } : before));
    } catch (error) {
      sayError(error);
    }
  };
  return html`<section class="batches">
    <h1>${t.title}</h1>
    <${Sending} onSent=${wake} />
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${found === null && !problem && html`<p class="hint">${texts.loading}</p>`}
    ${found?.length === 0 && html`<p class="hint">${t.empty}</p>`}
    ${found?.length > 0 &&
    html`<div class="scroll" tabindex="0" role="region" aria-label=${t.title}><table>
      <thead><tr><th scope="col">${t.name}</th><th scope="col">${t.status}</th><th scope="col" class="number">${t.report}</th><th scope="col">${t.created}</th></tr></thead>
      <tbody>
        ${found.map(
          (batch) => html`<tr key=${batch.id}>
            <td><a href=${to("batch", batch.id)}>${batch.name}</a></td>
            <td><span class="state ${batch.status}">${t.statuses[batch.status]}</span></td>
            <td class="number">${batch.rows === null ? "–" : count(batch.rows)}</td>
            <td><time dateTime=${batch.created_at}>${shortTime(batch.created_at)}</time></td>
          </tr>`,
        )}
      </tbody>
    </table></div>`}
    ${cursor && html`<p><button type="button" onClick=${more}>${texts.more}</button></p>`}
  </section>`;
}

/** A file: dropped, checked, started. */
function Sending({ onSent }) {
  const input = useRef(null);
  const [isOver, setOver] = useState(false);
  const [file, setFile] = useState(null);
  const [check, setCheck] = useState(null);
  const [problem, setProblem] = useState("");
  const [work, setWork] = useState("");
  const stop = (event) => event.preventDefault();
  const anew = () => {
    setFile(null);
    setCheck(null);
    setProblem("");
  };
  const take = async (given) => {
    if (!given) return;
    anew();
    setFile(given);
    if (given.size > MOST_SENT) return;
    setWork(t.checking);
    try {
      setCheck(await sent(given, { dry_run: "true" }));
    } catch (error) {
      if (error.status === 413) setCheck(null); // too many rows to be checked while one waits
      else if (error.status !== 401) {
        setProblem(error.message);
        setFile(null);
      }
    } finally {
      setWork("");
    }
  };
  const start = async () => {
    setWork(t.checking);
    try {
      if (check) {
        const batch = await sent(file, check.problem_rows ? { force: "true" } : {});
        say(t.started);
        go("batch", batch.id);
      } else {
        const { id, upload } = await post("v2/batches", undefined, { query: { name: file.name, upload: "true" } });
        await sendForm(upload, file);
        say(t.uploaded);
        anew();
        onSent();
        go("batch", id);
      }
    } catch (error) {
      if (error.status !== 401) setProblem(error.message);
    } finally {
      setWork("");
    }
  };
  return html`<div class="sending">
    <div class="drop large ${isOver ? "is-over" : ""}" onDragEnter=${(event) => (stop(event), setOver(true))} onDragOver=${stop}
        onDragLeave=${() => setOver(false)} onDrop=${(event) => (stop(event), setOver(false), take(event.dataTransfer.files[0]))}>
      <span>${t.drop} <button type="button" onClick=${() => input.current.click()}>${t.choose}</button></span>
      <span class="hint">${t.hint}</span>
      <input ref=${input} type="file" class="unseen" tabindex="-1" aria-hidden="true" accept=".csv,.tsv,.jsonl,.json"
        onChange=${(event) => (take(event.target.files[0]), (event.target.value = ""))} />
    </div>
    ${work && html`<p role="status">${work}</p>`}
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${file && !work && html`<${Checked} file=${file} check=${check} onStart=${start} onAnew=${anew} />`}
  </div>`;
}

const sent = (file, query) =>
  call("POST", "v2/batches", { query: { name: file.name, ...query }, body: file, headers: { "Content-Type": "application/octet-stream" } });

/** What the API said of the file, wrong rows by row and column; nothing has started yet. */
function Checked({ file, check, onStart, onAnew }) {
  if (!check) {
    return html`<div class="checked"><h2>${file.name}</h2><p>${t.tooLarge}</p>
      <p class="actions"><button type="button" class="primary" onClick=${onStart}>${t.startUnchecked}</button>
      <button type="button" onClick=${onAnew}>${t.another}</button></p></div>`;
  }
  const wrong = check.problem_rows;
  const fine = check.rows - wrong;
  const news = Math.max(0, fine - check.made_before - check.failed_before);
  return html`<div class="checked">
    <h2>${file.name}: ${t.rows(check.rows)}</h2>
    <p role="status">${wrong ? t.problems(wrong) : t.fine} ${wrong > 0 && fine > 0 && t.problemsHint}</p>
    ${news > 0 && check.estimated_usd !== undefined && html`<p>${t.cost(usd(check.estimated_usd), usd(check.at_most_usd))}</p>`}
    ${check.made_before > 0 && html`<p>${t.madeBefore(count(check.made_before))}</p>`}
    ${check.failed_before > 0 && html`<p>${t.failedBefore(count(check.failed_before))}</p>`}
    ${check.made_elsewhere && html`<p class="problem">${t.elsewhere(count(check.made_elsewhere.rows), check.made_elsewhere.name)}</p>`}
    ${wrong > 0 && html`<${Problems} problems=${check.problems} all=${wrong} />`}
    <p class="actions">
      ${fine > 0 && html`<button type="button" class="primary" onClick=${onStart}>${wrong ? t.startOthers(news) : t.start(news)}</button>`}
      <button type="button" onClick=${onAnew}>${t.another}</button>
    </p>
  </div>`;
}

function Problems({ problems, all }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t.problems(all)}><table>
      <thead><tr><th scope="col" class="number">${t.row}</th><th scope="col" class="number">${t.line}</th><th scope="col">${t.column}</th><th scope="col">${t.problem}</th></tr></thead>
      <tbody>
        ${problems.slice(0, SHOWN).map(
          ({ row, line, message }) => html`<tr key=${row}><td class="number">${count(row)}</td><td class="number">${count(line)}</td><td><code>${columnOf(message)}</code></td><td>${message}</td></tr>`,
        )}
      </tbody>
    </table></div>
    ${all > SHOWN && html`<p class="hint">${t.first(SHOWN, count(all))}</p>`}`;
}
