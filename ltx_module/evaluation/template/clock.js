// One clock for all clips that are on the screen: they begin, loop, stop and are scrubbed together. The studio's grid of
// samples uses it too, so it knows no other part of the page: members are `video` or `audio` elements.
function clipClock() {
  const HOLD_SECONDS = 0.25; // on the last frame, before all begin again
  const DRIFT_SECONDS = 0.12; // a clip further off than this is put right
  const APART_SECONDS = 0.03; // a clip further off than this plays a little faster or slower
  const IN_STEP_SECONDS = 0.01; // until it is so near
  const HURRY = 0.15;
  const MOST_WAITING_MS = 1200; // for clips that have not found their picture yet
  const PATIENCE_MS = 600; // between two corrections of one clip, so that a slow machine is not made slower

  return {
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
      if (this.playing) this.gather(0);
      else this.seek(this.time);
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
      this.gather(this.time);
      requestAnimationFrame((now) => this.tick(now));
    },
    // All stand at one time until each has found its picture, so that they begin together; none is waited for long.
    gather(time) {
      this.gathered = null;
      for (const [video] of this.active()) video.pause();
      this.seek(time);
    },
    isLate(now) {
      if (this.gathered === undefined) return false;
      this.gathered ??= now;
      const late = this.active().some(([video]) => !video.error && (video.seeking || video.readyState < 2));
      if (late && now - this.gathered < MOST_WAITING_MS) return true;
      this.gathered = undefined;
      return false;
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
      this.gathered = undefined;
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
      requestAnimationFrame((next) => this.tick(next));
      const passed = this.isLate(now) ? 0 : Math.min(0.1, (now - (this.last ?? now)) / 1000);
      this.last = now;
      if (this.gathered !== undefined) return;
      this.time += passed;
      if (this.length > 0 && this.time >= this.length + HOLD_SECONDS) {
        this.gather(0);
        return;
      }
      for (const [video, member] of this.active()) this.follow(video, member, now);
      this.announce();
    },
    follow(video, member, now) {
      const end = member.clip.frames / member.clip.fps;
      if (video.readyState < 2 || video.seeking) return;
      if (this.time >= end) return;
      if (video.paused) this.start(video);
      const behind = this.time - video.currentTime;
      if (Math.abs(behind) > DRIFT_SECONDS && now - member.corrected > PATIENCE_MS) {
        video.currentTime = this.time;
        member.corrected = now;
      }
      this.hurry(video, behind);
    },
    // Catches up, or waits, by playing a little faster or slower until it is in step.
    hurry(video, behind) {
      const near = video.playbackRate === 1 ? APART_SECONDS : IN_STEP_SECONDS;
      const rate = Math.abs(behind) < near ? 1 : 1 + Math.sign(behind) * HURRY;
      if (video.playbackRate !== rate) video.playbackRate = rate;
    },
    place(video) {
      const { clip } = this.members.get(video) ?? {};
      if (!clip || (this.only && !this.only.has(video))) return;
      const last = (clip.frames - 0.5) / clip.fps;
      video.currentTime = Math.min(this.time, last);
      if (this.playing && this.gathered === undefined && this.time < last) this.start(video);
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
}
