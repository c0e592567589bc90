// « Vérification de sécurité »: the audio in place, and the proof of work (ALTCHA, second protocol). All works without.

const box = document.querySelector("[data-captcha]");
const form = box.closest("form");
const { altcha: proof, captcha: copied } = form.elements;
const told = box.querySelector("[role=status]");
const toCopy = box.querySelector(".captcha-copy");
const isUnasked = box.dataset.captcha === "unasked";
const lifetime = box.dataset.seconds * 900; // in ms: a tenth less than the server's, for slow lines
const TOGETHER = 8; // steps begun at once: browsers derive keys outside the page's thread

function say(what) {
  told.textContent = told.dataset[what] || "";
  told.dataset.state = what;
}
const bytes = (hex) => hex.match(/../g).map((pair) => parseInt(pair, 16));
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

// One step: the key that PBKDF2 makes of the nonce, followed by the counter in four bytes.
async function derive({ nonce, salt, cost, keyLength }, counter) {
  const password = new Uint8Array([...bytes(nonce), counter >> 24, counter >> 16, counter >> 8, counter]);
  const rule = { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(bytes(salt)), iterations: cost };
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  return hex(await crypto.subtle.deriveBits(rule, key, keyLength * 8));
}

// The counter is found when the key begins as the challenge says.
async function solve(until) {
  const answer = await fetch("/captcha/altcha", { cache: "no-store" });
  if (!answer.ok) throw new Error(answer.status);
  const challenge = await answer.json();
  for (let first = 0; Date.now() < until; first += TOGETHER) {
    const steps = Array.from({ length: TOGETHER }, (_, step) => derive(challenge.parameters, first + step));
    const keys = await Promise.all(steps);
    const found = keys.findIndex((key) => key.startsWith(challenge.parameters.keyPrefix));
    if (found >= 0) return btoa(JSON.stringify({ challenge, solution: { counter: first + found, derivedKey: keys[found] } }));
  }
  throw new Error("too slow");
}

let work = null; // the promise of whether there is a proof; null before the first and after a failure
let goodUntil = 0;
let hasFailed = false;

function prove() {
  if (work && Date.now() < goodUntil) return work;
  // Another one for a page that stays open is made in silence.
  if (!work) say("working");
  goodUntil = Date.now() + lifetime;
  proof.value = "";
  work = solve(goodUntil).then(
    (solution) => {
      proof.value = solution;
      say("done");
      show(false);
      setTimeout(() => document.hidden || prove(), goodUntil - Date.now() + 100);
      return true;
    },
    () => {
      hasFailed = true;
      work = null;
      say("failed");
      show(true);
      return false;
    },
  );
  return work;
}

// An error beside the field stays in sight; a focus that would be lost goes to what is told.
function show(isShown) {
  const hadFocus = toCopy.contains(document.activeElement);
  toCopy.hidden = !isShown && !copied.hasAttribute("aria-invalid");
  if (hadFocus && toCopy.hidden) told.focus();
}

// A form sent too early waits for the proof, or tries once more. First of all listeners, so that no other takes it for sent.
let isWaiting = false;
form.addEventListener(
  "submit",
  async (event) => {
    const isDone = copied.value || (proof.value && Date.now() < goodUntil);
    if (isDone || !(work || isUnasked)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (isWaiting) return;
    isWaiting = true;
    const isProven = await prove();
    isWaiting = false;
    if (!isProven) copied.focus();
    else if (form.requestSubmit) form.requestSubmit(event.submitter);
    else form.submit();
  },
  true,
);

// Unasked, it begins when the member does; otherwise it waits for its button.
if (isUnasked) {
  show(false);
  for (const kind of ["focusin", "input"]) form.addEventListener(kind, () => hasFailed || prove());
}
const instead = box.querySelector(".captcha-instead");
instead.hidden = false;
instead.querySelector("button").addEventListener("click", prove);

// A page that comes back from the browser's memory has spent its proof; so has a field that the browser filled in.
proof.value = "";
addEventListener("pageshow", (event) => {
  if (event.persisted) goodUntil = 0;
});

// The audio plays in the page.
const sound = box.querySelector("audio");
sound.hidden = true;
sound.addEventListener("error", () => say("silent"));
for (const link of box.querySelectorAll(".listen a")) {
  link.removeAttribute("target");
  link.querySelector(".unseen").remove();
  link.addEventListener("click", (event) => {
    event.preventDefault();
    say("");
    sound.hidden = false;
    sound.src = link.href;
    sound.play().catch(() => {}); // its "error" event has told
  });
}
