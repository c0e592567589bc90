// Small comforts. Every page works without this file.
"use strict";

const all = (selector, act) => document.querySelectorAll(selector).forEach(act);

// Show and hide a password; it is always hidden again before it is sent.
all("[data-reveal]", (button) => {
  const input = document.getElementById(button.dataset.reveal);
  const word = button.firstChild;
  const show = word.data;
  const turn = (shown) => {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    word.data = shown ? button.dataset.hide : show;
  };
  button.hidden = false;
  button.addEventListener("click", () => turn(input.type === "password"));
  input.form.addEventListener("submit", () => turn(false));
});

// Tick the password rules as they are met. The server is the judge: rules that only it can know stay unticked.
const classes = { upper: /\p{Lu}/u, lower: /\p{Ll}/u, digit: /\p{Nd}/u, special: /[^\p{L}\p{M}\p{Nd}]/u };
function meets(rule, value) {
  const [name, figure] = rule.split("-");
  if (name === "length") return [...value].length >= Number(figure);
  if (name === "words") return (value.match(/\p{L}{2,}/gu) || []).length >= Number(figure);
  if (rule === "no-accents") return value !== "" && !/[\p{L}\p{M}]/u.test(value.replace(/[\x00-\x7f]/g, ""));
  return rule in classes && classes[rule].test(value);
}
all("[data-rules-of]", (list) => {
  const input = document.getElementById(list.dataset.rulesOf);
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

// A code pasted with spaces, or inside a sentence, leaves its digits only.
all("[data-digits]", (input) => {
  input.addEventListener("paste", (event) => {
    const digits = event.clipboardData.getData("text").replace(/\D/g, "");
    if (digits.length !== Number(input.dataset.digits)) return;
    event.preventDefault();
    input.value = digits;
  });
});

// The wait before a new code may be asked for.
all("[data-countdown]", (line) => {
  const end = Date.now() + line.dataset.countdown * 1000;
  const left = line.querySelector("[data-left]");
  const tick = () => {
    const seconds = Math.ceil((end - Date.now()) / 1000);
    if (seconds <= 0) {
      line.hidden = true;
      clearInterval(timer);
    } else if (seconds < 100) {
      left.textContent = left.textContent.replace(/\d+/, seconds);
    }
  };
  const timer = setInterval(tick, 1000);
});

// The waiting page looks for news, but only while it is seen.
all("[data-refresh]", (waiting) => {
  setInterval(() => document.hidden || location.reload(), waiting.dataset.refresh * 1000);
});

// « Changer le texte » loads the page again: what was typed waits in this tab, passwords excepted.
all("[data-keeps]", (form) => {
  const main = document.getElementById(form.dataset.keeps);
  const key = "typed:" + location.pathname;
  const fields = [...main.elements].filter(
    (field) => /^(text|email|checkbox)$/.test(field.type) && !/-password$/.test(field.autocomplete) && field.name !== "captcha",
  );
  const typed = JSON.parse(sessionStorage.getItem(key) || "{}");
  sessionStorage.removeItem(key);
  for (const field of fields.filter((one) => one.name in typed)) {
    if (field.type === "checkbox") field.checked = typed[field.name];
    else field.value = typed[field.name];
  }
  form.addEventListener("submit", () => {
    const values = fields.map((field) => [field.name, field.type === "checkbox" ? field.checked : field.value]);
    sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(values)));
  });
});

// A second click on a button does not send the form twice.
all("form", (form) => {
  form.addEventListener("submit", (event) => {
    if (Date.now() - (form.dataset.sent || 0) < 4000) event.preventDefault();
    else form.dataset.sent = Date.now();
  });
});
addEventListener("pageshow", () => all("form[data-sent]", (form) => delete form.dataset.sent));
