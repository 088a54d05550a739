/** A field for a picture, a sound or a video: dropped, pasted, chosen, linked, or taken from an earlier video. */

import { ApiError, get, post, sendForm, showProblem } from "./api.js";
import { FIRST } from "./card.js";
import { change, draft } from "./draft.js";
import { bytes } from "./format.js";
import { html, signal, useEffect, useRef, useState } from "./html.js";
import { texts } from "./texts.js";
import { Dialog, sayError } from "./toasts.js";
import { note, PATH, promptOf, video, withOwnLink } from "./videos.js";

/** @import { MediaKind, MediaShape, Named, Value } from "./types.js" */

const t = texts.media;
const PICKED = 48; // videos to choose from
/** The addresses of the files that were uploaded in this tab, by reference. */
const previews = /** @type {Map<string, string>} */ (new Map());

/**
 * Store a file and return the reference that a request has instead of the file.
 * @param {File} file
 * @param {(part: number) => void} onPart
 */
async function upload(file, onPart) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  const sha256 = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const { reference, upload: form } = await post("v2/uploads", { content_type: file.type, sha256 });
  if (file.size > form.max_bytes) throw new ApiError(413, t.tooLarge(bytes(form.max_bytes)));
  await sendForm(form, file, onPart);
  if (!previews.has(reference)) previews.set(reference, URL.createObjectURL(file));
  change({ names: { ...draft.value.names, [reference]: file.name } });
  return reference;
}

/**
 * Render the control of a field for media.
 * @param {{ field: MediaShape & Named, id: string, value?: string, onChange: (value: Value) => void }} props
 */
export function Media({ field, id, value, onChange }) {
  const [part, setPart] = useState(/** @type {number | null} */ (null));
  const [problem, setProblem] = useState("");
  const [isOver, setOver] = useState(false);
  const [isPicking, setPicking] = useState(false);
  const file = useRef(/** @type {HTMLInputElement | null} */ (null));
  const what = field.media.map((one) => t[one]).join(" / ");
  const accepted = field.types.length ? field.types.join(",") : field.media.map((one) => `${one}/*`).join(",");

  const problemOf = (/** @type {File} */ given) => {
    const isTaken = field.types.length ? field.types.includes(given.type) : field.media.some((one) => given.type.startsWith(`${one}/`));
    if (!isTaken) return t.wrongType(accepted.replaceAll(",", ", "));
    return field.most && given.size > field.most ? t.tooLarge(bytes(field.most)) : "";
  };
  const take = async (/** @type {File | undefined} */ given) => {
    if (!given) return;
    const found = problemOf(given);
    setProblem(found);
    if (found) return;
    setPart(0);
    try {
      onChange(await upload(given, setPart));
    } catch (error) {
      showProblem(error, setProblem);
    } finally {
      setPart(null);
    }
  };
  const paste = (/** @type {Pick<ClipboardEvent, "clipboardData" | "preventDefault">} */ event) => {
    const given = event.clipboardData?.files[0];
    if (!given) return;
    event.preventDefault();
    take(given);
  };
  useEffect(() => {
    // A file that is pasted anywhere in the form fills the first empty place that accepts it.
    const form = file.current?.form;
    const onPaste = (/** @type {ClipboardEvent} */ event) => {
      if (event.defaultPrevented || value || document.querySelector(".drop input[type=file]") !== file.current) return;
      paste(event);
    };
    form?.addEventListener("paste", onPaste);
    return () => form?.removeEventListener("paste", onPaste);
  }, [value]);

  if (value) {
    return html`<div class="given" id=${id}>
      <${Preview} reference=${value} media=${field.media} />
      <button type="button" onClick=${() => onChange(undefined)}>${t.remove}</button>
    </div>`;
  }
  const stop = (/** @type {Event} */ event) => event.preventDefault();
  return html`<div id=${id} class="drop ${isOver ? "is-over" : ""}" onPaste=${paste}
      onDragEnter=${(event) => (stop(event), setOver(true))} onDragOver=${stop} onDragLeave=${() => setOver(false)}
      onDrop=${(event) => (stop(event), setOver(false), take(event.dataTransfer.files[0]))}>
    ${part === null
      ? html`<span>${t.drop(what)}</span>
        <span class="ways">
          <button type="button" onClick=${() => file.current?.click()}>${t.choose}</button>
          ${(field.media.includes("video") || field.media.includes("image")) &&
          html`<button type="button" onClick=${() => setPicking(true)}>${field.media.includes("video") ? t.fromVideos : t.frame}</button>`}
        </span>
        <input type="url" placeholder=${t.link} aria-label=${t.linkLabel(field.label)} onChange=${(event) => event.target.value && onChange(event.target.value.trim())}
          onKeyDown=${(event) => event.key === "Enter" && (stop(event), event.target.value && onChange(event.target.value.trim()))} />`
      : html`<span role="status">${t.uploading} <progress max="1" value=${part}></progress></span>`}
    <input ref=${file} type="file" class="unseen" tabindex="-1" aria-hidden="true" accept=${accepted}
      onChange=${(event) => take(event.target.files?.[0])} />
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${isPicking && html`<${Picker} takesVideo=${field.media.includes("video")} onClose=${() => setPicking(false)}
      onVideo=${(/** @type {string} */ picked) => (setPicking(false), onChange(`generation:${picked}`))}
      onFrame=${(/** @type {File} */ frame) => (setPicking(false), take(frame))} />`}
  </div>`;
}

/** @param {{ reference: string, media: MediaKind[] }} props */
function Preview({ reference, media }) {
  const source = /^generation:([0-9a-f]{32})$/.exec(reference)?.[1];
  useEffect(() => {
    if (source && !video(source).peek()) get(PATH, { generation_id: source }).then(note, () => {});
  }, [source]);
  const generation = source ? video(source).value : null;
  const url = source ? generation?.video?.url : previews.get(reference);
  const given = draft.value.names[reference] ?? (reference.startsWith("upload:") ? t.uploaded : reference);
  const name = source ? `${t.video_}: ${generation ? promptOf(generation).slice(0, 80) : source.slice(0, 8)}` : given;
  const isVideo = source || (media.includes("video") && !media.includes("image"));
  return html`<span class="preview">
    ${url && isVideo && html`<video src="${url}#t=${FIRST}" muted playsinline preload="metadata" aria-hidden="true" tabindex="-1"></video>`}
    ${url && !isVideo && media.includes("image") && html`<img src=${url} alt=${t.thumb} />`}
    <span>${name}</span>
  </span>`;
}

/**
 * The user's finished videos, to choose one or a frame of one.
 * @param {{ takesVideo: boolean, onClose: () => void, onVideo: (id: string) => void, onFrame: (frame: File) => void }} props
 */
function Picker({ takesVideo, onClose, onVideo, onFrame }) {
  const ids = useRef(signal(/** @type {string[] | null} */ (null))).current;
  const [picked, setPicked] = useState(/** @type {string | null} */ (null));
  useEffect(() => {
    get(PATH, { status: "completed", limit: PICKED }).then((page) => {
      page.data.forEach((one) => note(one));
      ids.value = page.data.filter((one) => one.video?.content_type !== "image/gif").map(({ id }) => id);
    }, (error) => (sayError(error), onClose()));
  }, []);
  return html`<${Dialog} title=${t.pick} isWide=${true} onClose=${onClose}>
    ${picked
      ? html`<${Frame} id=${picked} onFrame=${onFrame} onBack=${() => setPicked(null)} />`
      : html`<ul class="picks">
          ${ids.value === null && html`<li>${texts.loading}</li>`}
          ${ids.value?.length === 0 && html`<li>${t.pickEmpty}</li>`}
          ${ids.value?.map((id) => {
            const one = video(id).value;
            if (!one?.video) return null;
            return html`<li key=${id}>
              <button type="button" class="pick" onClick=${() => (takesVideo ? onVideo(id) : setPicked(id))}>
                <video src="${one.video.url}#t=${FIRST}" muted playsinline preload="metadata" aria-hidden="true" tabindex="-1"></video>
                <span>${promptOf(one).slice(0, 100)}</span>
              </button>
            </li>`;
          })}
        </ul>`}
  <//>`;
}

/**
 * A video, to take the picture of a moment from.
 * @param {{ id: string, onFrame: (frame: File) => void, onBack: () => void }} props
 */
function Frame({ id, onFrame, onBack }) {
  const film = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const [url, setUrl] = useState("");
  useEffect(() => void withOwnLink(id).then(({ video: file }) => setUrl(file?.url ?? ""), sayError), [id]);
  const take = () => {
    if (!film.current) return;
    const { videoWidth: width, videoHeight: height } = film.current;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    try {
      /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).drawImage(film.current, 0, 0);
      canvas.toBlob((blob) => (blob ? onFrame(new File([blob], `${id.slice(0, 8)}.png`, { type: "image/png" })) : fail()), "image/png");
    } catch {
      fail();
    }
  };
  const fail = () => sayError(new ApiError(0, t.frameFailed));
  return html`<div class="frame">
    <p>${t.frameHint}</p>
    <video ref=${film} src=${url || undefined} crossorigin="anonymous" controls muted playsinline preload="auto" aria-label=${t.pick}></video>
    <p class="actions">
      <button type="button" class="primary" disabled=${!url} onClick=${take}>${t.useFrame}</button>
      <button type="button" onClick=${onBack}>${t.pick}</button>
    </p>
  </div>`;
}
