/** A field that takes a picture, a sound or a video: dropped, pasted, chosen, linked, or taken from an earlier video. */

import { ApiError, get, post, sendForm } from "./api.js";
import { FIRST } from "./card.js";
import { change, draft } from "./draft.js";
import { bytes } from "./format.js";
import { html, signal, useEffect, useRef, useState } from "./html.js";
import { texts } from "./texts.js";
import { Dialog, sayError } from "./toasts.js";
import { note, ownLink, PATH, promptOf, video } from "./videos.js";

const t = texts.media;
const PICKED = 48; // of the latest videos that can be taken
const previews = new Map(); // of what was uploaded in this tab, by reference

/** Store a file: the reference that a request has in its place. */
export async function upload(file, onPart) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  const sha256 = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const { reference, upload: form } = await post("v2/uploads", { content_type: file.type, sha256 });
  if (file.size > form.max_bytes) throw new ApiError(413, t.tooLarge(bytes(form.max_bytes)));
  await sendForm(form, file, onPart);
  if (!previews.has(reference)) previews.set(reference, URL.createObjectURL(file));
  change({ names: { ...draft.value.names, [reference]: file.name } });
  return reference;
}

export function Media({ field, id, value, onChange }) {
  const [part, setPart] = useState(null);
  const [problem, setProblem] = useState("");
  const [isOver, setOver] = useState(false);
  const [isPicking, setPicking] = useState(false);
  const file = useRef(null);
  const what = field.media.map((one) => t[one]).join(" / ");
  const accepted = field.types.length ? field.types.join(",") : field.media.map((one) => `${one}/*`).join(",");

  const take = async (given) => {
    if (!given) return;
    setProblem("");
    const isTaken = field.types.length ? field.types.includes(given.type) : field.media.includes(given.type.split("/")[0]);
    if (!isTaken) return setProblem(t.wrongType(accepted.replaceAll(",", ", ")));
    if (field.most && given.size > field.most) return setProblem(t.tooLarge(bytes(field.most)));
    setPart(0);
    try {
      onChange(await upload(given, setPart));
    } catch (error) {
      if (error.status !== 401) setProblem(error.message);
    } finally {
      setPart(null);
    }
    return undefined;
  };
  const paste = (event) => {
    const [given] = event.clipboardData.files;
    if (!given) return;
    event.preventDefault();
    take(given);
  };
  useEffect(() => {
    // What is pasted anywhere in the form goes to the first empty place that takes it.
    const form = file.current?.form;
    const onPaste = (event) => {
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
  const stop = (event) => event.preventDefault();
  return html`<div id=${id} class="drop ${isOver ? "is-over" : ""}" onPaste=${paste}
      onDragEnter=${(event) => (stop(event), setOver(true))} onDragOver=${stop} onDragLeave=${() => setOver(false)}
      onDrop=${(event) => (stop(event), setOver(false), take(event.dataTransfer.files[0]))}>
    ${part === null
      ? html`<span>${t.drop(what)}</span>
        <span class="ways">
          <button type="button" onClick=${() => file.current.click()}>${t.choose}</button>
          ${(field.media.includes("video") || field.media.includes("image")) &&
          html`<button type="button" onClick=${() => setPicking(true)}>${field.media.includes("video") ? t.fromVideos : t.frame}</button>`}
        </span>
        <input type="url" placeholder=${t.link} aria-label=${t.linkLabel(field.label)} onChange=${(event) => event.target.value && onChange(event.target.value.trim())}
          onKeyDown=${(event) => event.key === "Enter" && (stop(event), event.target.value && onChange(event.target.value.trim()))} />`
      : html`<span role="status">${t.uploading} <progress max="1" value=${part}></progress></span>`}
    <input ref=${file} type="file" class="unseen" tabindex="-1" aria-hidden="true" accept=${accepted}
      onChange=${(event) => take(event.target.files[0])} />
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${isPicking && html`<${Picker} takesVideo=${field.media.includes("video")} onClose=${() => setPicking(false)}
      onVideo=${(picked) => (setPicking(false), onChange(`generation:${picked}`))}
      onFrame=${(frame) => (setPicking(false), take(frame))} />`}
  </div>`;
}

function Preview({ reference, media }) {
  const source = /^generation:([0-9a-f]{32})$/.exec(reference)?.[1];
  useEffect(() => {
    if (source && !video(source).peek()) get(PATH, { generation_id: source }).then(note, () => {});
  }, [source]);
  const url = source ? video(source).value?.video?.url : previews.get(reference);
  const name = source ? `${t.video_}: ${video(source).value ? promptOf(video(source).value).slice(0, 80) : source.slice(0, 8)}` : (draft.value.names[reference] ?? (reference.startsWith("upload:") ? t.uploaded : reference));
  const isVideo = source || (media.includes("video") && !media.includes("image"));
  return html`<span class="preview">
    ${url && isVideo && html`<video src="${url}#t=${FIRST}" muted playsinline preload="metadata" aria-hidden="true" tabindex="-1"></video>`}
    ${url && !isVideo && media.includes("image") && html`<img src=${url} alt=${t.thumb} />`}
    <span>${name}</span>
  </span>`;
}

/** The reader's finished videos, of which one is taken as it is, or a frame of it. */
function Picker({ takesVideo, onClose, onVideo, onFrame }) {
  const ids = useRef(signal(null)).current;
  const [picked, setPicked] = useState(null);
  useEffect(() => {
    get(PATH, { status: "completed", limit: PICKED }).then((page) => {
      page.data.forEach(note);
      ids.value = page.data.filter((one) => one.video.content_type !== "image/gif").map(({ id }) => id);
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

/** A moment of a video, as a picture. */
function Frame({ id, onFrame, onBack }) {
  const film = useRef(null);
  const [url, setUrl] = useState("");
  useEffect(() => void ownLink(id).then((file) => setUrl(file.url), sayError), [id]);
  const take = () => {
    const { videoWidth: width, videoHeight: height } = film.current;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    try {
      canvas.getContext("2d").drawImage(film.current, 0, 0);
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
