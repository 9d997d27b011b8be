const player = clipClock();

// Play, frame steps and scrubbing; every transport on the page shows the same clock.
function transport(label) {
  const button = (text, name, key, act) => el("button", { type: "button", "aria-label": name, title: `${name} (${key})`, on: { click: act } }, text);
  const play = button("", "Play", "space", () => player.toggle());
  play.className = "play";
  const scrub = el("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Frame", on: { input: () => player.stop(Number(scrub.value)) } });
  const clock = el("output", { class: "clock" });
  const element = el("div", { class: "transport", role: "group", "aria-label": label },
    play, button("\u2039", "Previous frame", ",", () => player.step(-1)), button("\u203a", "Next frame", ".", () => player.step(1)), scrub, clock);
  player.watchers.push(() => {
    const name = player.playing ? "Pause" : "Play";
    if (play.getAttribute("aria-label") !== name || !play.firstChild) {
      play.setAttribute("aria-label", name);
      play.title = `${name} (space)`;
      play.replaceChildren(icon(player.playing ? "pause" : "play"));
    }
    scrub.max = player.frames - 1;
    scrub.value = player.frame;
    scrub.setAttribute("aria-valuetext", `frame ${player.frame + 1} of ${player.frames}`);
    clock.textContent = `${player.frame + 1}/${player.frames}`;
  });
  return element;
}

const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  sound: "M2 6v4h3l4 3.5v-11L5 6zM11 5.2a4 4 0 0 1 0 5.6M12.8 3.2a7 7 0 0 1 0 9.6",
};

function icon(name) {
  return el("svg:svg", { class: `icon ${name}`, viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, el("svg:path", { d: ICONS[name] }));
}

// A clip becomes an object URL when it is first shown, and the same one wherever it is shown again.
const urls = new Map();
function urlOf(clip) {
  if (clip.url) return clip.url;
  if (!urls.has(clip.id)) {
    const [, data] = byId(clip.id).textContent.split(",", 2);
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    urls.set(clip.id, URL.createObjectURL(new Blob([bytes], { type: "video/mp4" })));
  }
  return urls.get(clip.id);
}

function videoOf(clip, label) {
  const video = el("video", { playsinline: true, preload: "auto", "aria-label": label, width: clip.width, height: clip.height, disablepictureinpicture: true });
  video.muted = true;
  video.src = urlOf(clip);
  return video;
}

function dropVideo(video) {
  player.remove(video);
  video.removeAttribute("src");
  video.load();
  video.remove();
}

// Browsers let a page sound only after the reader has clicked or typed.
const maySound = () => navigator.userActivation?.hasBeenActive ?? true;
