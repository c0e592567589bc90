// Passkeys: the browser asks the device, the server judges. Pages work without, but for the passkeys themselves.
const text = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/[+/=]/g, (c) => ({ "+": "-", "/": "_" })[c] || "");
const bytes = (words) =>
  Uint8Array.from(atob(words.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const MADE = ["clientDataJSON", "attestationObject"];
const USED = ["clientDataJSON", "authenticatorData", "signature", "userHandle"];
const FRESH = 240_000; // milliseconds: a challenge lives five minutes

function prepare(form) {
  const { passkey, options, failed } = form.dataset;
  const makes = passkey === "create";
  const told = form.querySelector("[role=status]");
  let listed; // ends the question that waits in the browser's own list

  const ask = async (more) => {
    const answer = await fetch(options, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (!answer.ok) throw new Error(answer.status);
    const publicKey = await answer.json();
    publicKey.challenge = bytes(publicKey.challenge);
    if (makes) publicKey.user.id = bytes(publicKey.user.id);
    for (const each of publicKey.excludeCredentials || []) each.id = bytes(each.id);
    const found = await navigator.credentials[makes ? "create" : "get"]({ publicKey, ...more });
    const parts = (makes ? MADE : USED).filter((name) => found.response[name]);
    const response = Object.fromEntries(parts.map((name) => [name, text(found.response[name])]));
    if (makes && found.response.getTransports) response.transports = found.response.getTransports();
    const { id, type } = found;
    form.elements.credential.value = JSON.stringify({ id, rawId: text(found.rawId), type, response });
    form.submit();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (listed) listed.abort();
    told.textContent = "";
    try {
      await ask({});
    } catch {
      told.textContent = failed;
    }
  });

  // Passkeys among what the browser offers at « Identifiant »; silent when it cannot.
  const list = async () => {
    listed = new AbortController();
    const { signal } = listed;
    const timer = setTimeout(() => {
      listed.abort();
      list();
    }, FRESH);
    signal.addEventListener("abort", () => clearTimeout(timer));
    await ask({ mediation: "conditional", signal }).catch(() => {});
  };
  const can = PublicKeyCredential.isConditionalMediationAvailable;
  if (passkey === "list" && can) can.call(PublicKeyCredential).then((yes) => yes && list());

  form.hidden = false;
}

if (window.PublicKeyCredential) {
  document.querySelectorAll("form[data-passkey]").forEach(prepare);
  for (const each of document.querySelectorAll("[data-no-passkey]")) each.hidden = true;
}
