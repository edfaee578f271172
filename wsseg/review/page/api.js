// Requests to the page's own server, with the token of its address.

const token = location.hash.slice(1);
export const tab = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Refusal extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

const ask = async (path, body, options = {}) => {
  const headers = { "x-wsseg-token": token };
  if (body) headers["content-type"] = "application/json";
  const given = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), ...options };
  let answer;
  try { answer = await fetch(path, given); } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The server does not answer. Start wsseg review again, and open its new address.");
  }
  if (answer.ok) return answer;
  let text = answer.statusText;
  try { text = (await answer.json()).error; } catch { /* not of this server */ }
  throw new Refusal(answer.status, text);
};

// A server that is busy is asked again, a few times.
const patient = async (...given) => {
  for (let tries = 0; ; tries += 1) {
    try { return await ask(...given); } catch (error) {
      if (error.status !== 503 || tries === 20) throw error;
      await new Promise((done) => setTimeout(done, 100 + 50 * tries));
    }
  }
};

const item = (number) => `/api/items/${number}`;
const bitmap = async (answer) => createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });

export const queue = async () => (await patient("/api/queue")).json();
export const claim = async (force = false) => (await (await patient("/api/tab", { tab, force })).json()).active;
export const leave = () => ask("/api/tab", { tab, leave: true }, { keepalive: true }).catch(() => {});
export const sizes = async () => (await patient("/api/sizes")).json();
export const thumbnail = async (number) => (await patient(`${item(number)}/thumbnail`)).blob();
export const photo = async (number) => {
  const answer = await patient(`${item(number)}/photo`);
  const [width, height] = answer.headers.get("x-photo-size").split(" ").map(Number);
  return { image: await bitmap(answer), width, height };
};
export const full = async (number) => bitmap(await patient(`${item(number)}/full`));
export const mask = async (number) => bitmap(await patient(`${item(number)}/mask`));
export const hints = async (number) => {
  const blob = await (await patient(`${item(number)}/hints`)).blob();
  return blob.size ? createImageBitmap(blob, { colorSpaceConversion: "none" }) : null;
};
export const classes = async (number) => (await patient(`${item(number)}/classes`)).json();
export const cut = async (number, work, signal) => {
  const answer = await patient(`${item(number)}/cut`, { tab, ...work }, { signal });
  return { image: await bitmap(answer), status: answer.headers.get("x-status"), confidence: Number(answer.headers.get("x-confidence")) };
};
export const decide = async (number, decision) => (await patient(`${item(number)}/decision`, { tab, ...decision })).json();
