// One clock for all clips that are on the screen: they begin, loop, stop and are scrubbed together.
const HOLD_SECONDS = 0.25; // on the last frame, before all begin again
const DRIFT_SECONDS = 0.12; // a clip further off than this is put right
const PATIENCE_MS = 600; // between two corrections of one clip, so that a slow machine is not made slower

const player = {
  playing: false,
  time: 0,
  members: new Map(), // video -> {clip, corrected}
  watchers: [],

  add(video, clip) {
    this.members.set(video, { clip, corrected: 0 });
    video.addEventListener("loadeddata", () => this.place(video));
    this.announce();
  },
  remove(video) {
    this.members.delete(video);
    video.pause();
    this.announce();
  },
  // Plays only these for a while, such as those of the enlarged view; the rest stand still.
  focusOn(videos) {
    this.only = videos && new Set(videos);
    for (const [video] of this.members) if (this.only && !this.only.has(video)) video.pause();
    this.seek(this.playing ? 0 : this.time);
  },
  active() {
    return [...this.members].filter(([video]) => !this.only || this.only.has(video));
  },
  get length() {
    return Math.max(0, ...this.active().map(([, { clip }]) => clip.frames / clip.fps));
  },
  get fps() {
    return Math.max(1, ...this.active().map(([, { clip }]) => clip.fps));
  },
  get frames() {
    return Math.max(1, Math.round(this.length * this.fps));
  },
  get frame() {
    return Math.min(this.frames - 1, Math.floor(this.time * this.fps + 1e-6));
  },

  play() {
    if (this.playing) return;
    this.playing = true;
    if (this.frame >= this.frames - 1) this.time = 0;
    this.last = null;
    for (const [video] of this.active()) this.place(video);
    requestAnimationFrame((now) => this.tick(now));
    this.announce();
  },
  pause() {
    this.stop(this.frame);
  },
  toggle() {
    if (this.playing) this.pause();
    else this.play();
  },
  step(frames) {
    this.stop((this.frame + frames + this.frames) % this.frames);
  },
  // Stands at the middle of a frame, so that rounding cannot show its neighbour.
  stop(frame) {
    this.playing = false;
    for (const [video] of this.members) video.pause();
    this.seek((frame + 0.5) / this.fps);
  },
  seek(time) {
    this.time = time;
    for (const [video] of this.active()) this.place(video);
    this.announce();
  },

  tick(now) {
    if (!this.playing) return;
    this.time += Math.min(0.1, (now - (this.last ?? now)) / 1000);
    this.last = now;
    if (this.length > 0 && this.time >= this.length + HOLD_SECONDS) this.seek(0);
    for (const [video, member] of this.active()) this.follow(video, member, now);
    this.announce();
    requestAnimationFrame((next) => this.tick(next));
  },
  follow(video, member, now) {
    const end = member.clip.frames / member.clip.fps;
    if (video.readyState < 2 || video.seeking) return;
    if (this.time >= end) return;
    if (video.paused) this.start(video);
    if (Math.abs(video.currentTime - this.time) > DRIFT_SECONDS && now - member.corrected > PATIENCE_MS) {
      video.currentTime = this.time;
      member.corrected = now;
    }
  },
  place(video) {
    const { clip } = this.members.get(video) ?? {};
    if (!clip || (this.only && !this.only.has(video))) return;
    const last = (clip.frames - 0.5) / clip.fps;
    video.currentTime = Math.min(this.time, last);
    if (this.playing && this.time < last) this.start(video);
  },
  start(video) {
    // Refused where sound needs a click first: then without sound.
    video.play().catch((reason) => {
      if (reason.name !== "NotAllowedError" || video.muted) return;
      video.muted = true;
      video.play().catch(() => {});
    });
  },
  announce() {
    for (const watcher of this.watchers) watcher();
  },
};

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
