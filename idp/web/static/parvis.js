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

// Tick the password rules as they are met; the server remains the judge.
const classes = { upper: /\p{Lu}/u, lower: /\p{Ll}/u, digit: /\d/, special: /[^\p{L}\d\s]/u };
function meets(rule, value) {
  const length = /^length-(\d+)$/.exec(rule);
  if (length) return [...value].length >= Number(length[1]);
  const words = /^words-(\d+)$/.exec(rule);
  if (words) return value.trim().split(/[\s-]+/).filter((word) => word.length > 1).length >= Number(words[1]);
  if (rule === "no-accents") return value !== "" && !/[^\x20-\x7e]/.test(value);
  return rule in classes && classes[rule].test(value);
}
all("[data-rules-of]", (list) => {
  const input = document.getElementById(list.dataset.rulesOf);
  const judge = () => {
    for (const item of list.children) {
      const met = meets(item.dataset.rule, input.value);
      const note = item.querySelector("[data-met]");
      item.classList.toggle("met", met);
      note.textContent = met ? " " + note.dataset.met : "";
    }
  };
  input.addEventListener("input", judge);
  judge();
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

// « Changer le texte » keeps what was typed in the main form, passwords excepted.
all("[data-keeps]", (form) => {
  form.addEventListener("submit", () => {
    for (const field of document.getElementById(form.dataset.keeps).elements) {
      const kept = field.type === "checkbox" ? field.checked : /^(text|email)$/.test(field.type);
      const secret = /-password$/.test(field.autocomplete) || field.name === "captcha";
      if (!kept || secret || !field.name) continue;
      const copy = document.createElement("input");
      copy.type = "hidden";
      copy.name = field.name;
      copy.value = field.value;
      form.append(copy);
    }
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

// A refused form starts at what must be mended.
document.querySelector(".summary")?.focus();
