// Comforts: every page works without.
"use strict";

const all = (selector, act) => document.querySelectorAll(selector).forEach(act);
const named = (id) => document.getElementById(id);

// Show a password, until it is sent.
all("[data-reveal]", (button) => {
  const input = named(button.dataset.reveal);
  const word = button.firstChild;
  const show = word.data;
  const turn = (shown) => {
    input.type = shown ? "text" : "password";
    word.data = shown ? button.dataset.hide : show;
  };
  button.hidden = false;
  button.addEventListener("click", () => turn(input.type === "password"));
  input.form.addEventListener("submit", () => turn(false));
});

// Tick the password rules that are met; the server judges.
const classes = { upper: /\p{Lu}/u, lower: /\p{Ll}/u, digit: /\p{Nd}/u, special: /[^\p{L}\p{M}\p{Nd}]/u };
function meets(rule, value) {
  const [name, figure] = rule.split("-");
  if (name === "length") return [...value].length >= figure;
  if (name === "words") return (value.match(/\p{L}{2,}/gu) || []).length >= figure;
  if (name === "no") return value !== "" && !/[\p{L}\p{M}]/u.test(value.replace(/[\x00-\x7f]/g, ""));
  return rule in classes && classes[rule].test(value);
}
all("[data-rules-of]", (list) => {
  const input = named(list.dataset.rulesOf);
  const look = () => {
    for (const item of list.children) {
      const met = meets(item.dataset.rule, input.value);
      const note = item.querySelector("[data-met]");
      item.classList.toggle("met", met);
      note.textContent = met ? " " + note.dataset.met : "";
    }
  };
  input.addEventListener("input", look);
  look();
});

// An estimate from 1 to 4: repeats and sequences add little.
function strength(value) {
  const seen = new Set();
  const kinds = Object.values(classes).filter((kind) => kind.test(value)).length;
  let sum = 0;
  let last = 0;
  for (const character of value) {
    const code = character.codePointAt(0);
    if (Math.abs(code - last) > 1) sum += seen.has(code) ? 1 : 2 + kinds / 2;
    seen.add(code);
    last = code;
  }
  return 1 + [30, 45, 60].filter((least) => Math.min(sum, seen.size * 5) > least).length;
}
all("[data-strength-of]", (box) => {
  const input = named(box.dataset.strengthOf);
  const word = box.querySelector("strong");
  input.addEventListener("input", () => {
    const level = strength(input.value);
    const found = box.dataset.words.split("|")[level - 1];
    box.hidden = !input.value;
    box.dataset.level = level;
    // Screen readers say each change.
    if (word.textContent !== found) word.textContent = found;
  });
});

// A pasted code: digits only.
all("[data-digits]", (input) => {
  input.addEventListener("paste", (event) => {
    const digits = event.clipboardData.getData("text").replace(/\D/g, "");
    if (digits.length != input.dataset.digits) return;
    event.preventDefault();
    input.value = digits;
  });
});

// The wait before « Renvoyer ».
all("[data-countdown]", (line) => {
  const end = Date.now() + line.dataset.countdown * 1000;
  const left = line.querySelector("[data-left]");
  const timer = setInterval(() => {
    const seconds = Math.ceil((end - Date.now()) / 1000);
    if (seconds <= 0) {
      line.hidden = true;
      clearInterval(timer);
    } else if (seconds < 100) left.textContent = left.textContent.replace(/\d+/, seconds);
  }, 1000);
});

// The waiting page is loaded again when there are news.
all("[data-refresh]", (waiting) => {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href);
    const page = await answer.text();
    if (answer.redirected || !page.includes(`data-news="${waiting.dataset.news}"`)) location.reload();
  }, waiting.dataset.refresh * 1000);
});

// « Changer le texte », another language: what was typed waits in this tab.
all("[data-keeps]", (form) => {
  const key = "typed:" + location.pathname;
  const of = (field) => (field.type === "checkbox" ? "checked" : "value");
  const main = named(form.dataset.keeps);
  if (!main) return;
  const fields = [...main.elements].filter(
    (field) => /text|email|checkbox/.test(field.type) && !/password|captcha|code/.test(field.name),
  );
  const typed = JSON.parse(sessionStorage.getItem(key) || "{}");
  sessionStorage.removeItem(key);
  for (const field of fields) if (field.name in typed) field[of(field)] = typed[field.name];
  form.addEventListener("submit", () => {
    const values = Object.fromEntries(fields.map((field) => [field.name, field[of(field)]]));
    sessionStorage.setItem(key, JSON.stringify(values));
  });
});

// A second click sends nothing.
all("form", (form) => {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 4000);
  });
});
