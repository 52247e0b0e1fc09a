// Proofs, taken by the browser itself: from what the page shows to the root that is signed, after RFC 6962 and its successor,
// RFC 9162, and the signature of the checkpoint. And bundles: a file that is dropped is sent to be checked.

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (some) => [...some].map((one) => one.toString(16).padStart(2, "0")).join("");
const from64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const utf8 = (text) => new TextEncoder().encode(text);

function joined(...some) {
  const whole = new Uint8Array(some.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of some) {
    whole.set(one, at);
    at += one.length;
  }
  return whole;
}

function eight(number) {
  const found = new Uint8Array(8);
  new DataView(found.buffer).setBigInt64(0, BigInt(number));
  return found;
}

const sha256 = async (some) => new Uint8Array(await crypto.subtle.digest("SHA-256", some));
const above = (left, right) => sha256(joined(Uint8Array.of(1), left, right));
const powerOfTwo = (number) => (number % 2 ? number === 1 : powerOfTwo(number / 2));
const same = (one, other) => hex(one) === hex(other);

// A tick beside a hash that came out as the page has it.
function mark(rung, good) {
  rung.classList.add(good ? "yes" : "no");
  rung.querySelector(".tick").textContent = good ? (rung.classList.contains("end") ? "=" : "✓") : "≠";
  return good;
}

function verdict(good, text) {
  const told = document.getElementById("verdict");
  told.classList.toggle("wrong", !good);
  told.querySelector(".dot").className = `dot ${good ? "good" : "alarm"}`;
  told.lastChild.textContent = good ? " Equal" : " Not equal";
  told.dataset.by = "browser";
  document.getElementById("whose").textContent = text;
}

const rungs = (ladder) => [...ladder.querySelectorAll(".rung[data-beside]")];
const made = (ladder, name) => ladder.querySelector(`.rung[data-made="${name}"]`);

// The seal binds the stored bytes to all entries of the stream before them, and to their position.
async function sealed(ladder) {
  const one = ladder.dataset;
  const parts = [
    bytes(one.previous), utf8(one.program), utf8(one.kind), bytes(one.stream), eight(one.version), eight(one.instant),
    utf8(one.topic), from64(one.state),
  ];
  const digest = await sha256(joined(...parts.flatMap((part) => [eight(part.length), part])));
  const seal = await sha256(joined(digest, eight(one.position)));
  return { digest, seal, leaf: await sha256(joined(Uint8Array.of(0), seal)) };
}

async function inclusion(ladder, checkpoint) {
  let good = Number(ladder.dataset.size) === checkpoint.size;
  const found = await sealed(ladder);
  for (const name of ["digest", "seal", "leaf"]) {
    const rung = made(ladder, name);
    good = mark(rung, hex(found[name]) === rung.dataset.new) && good;
  }
  let hash = found.leaf;
  let at = Number(ladder.dataset.index);
  let last = checkpoint.size - 1;
  good = good && at <= last;
  for (const rung of rungs(ladder)) {
    const beside = bytes(rung.dataset.beside);
    const left = at % 2 === 1 || at === last;
    if (last === 0) good = false;
    hash = left ? await above(beside, hash) : await above(hash, beside);
    while (left && at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    good = mark(rung, hex(hash) === rung.dataset.new && rung.dataset.side === (left ? "left" : "right")) && good;
  }
  good = mark(made(ladder, "root"), same(hash, checkpoint.root)) && good && last === 0;
  verdict(good, good
    ? `Your browser took every step below, from the stored bytes, and came to the root that is signed: ${hex(hash)}.`
    : "Your browser took the steps below, and did not come to the root that is signed: this entry, as it is shown, is not in that log.");
}

async function consistency(ladder, checkpoint) {
  const first = Number(ladder.dataset.from);
  const second = Number(ladder.dataset.to);
  const [oldRoot, newRoot] = [bytes(ladder.dataset.old), bytes(ladder.dataset.root)];
  const path = ladder.dataset.path.split(" ").filter(Boolean).map(bytes);
  let good = second === checkpoint.size ? same(newRoot, checkpoint.root) : second < checkpoint.size;
  let [at, last] = [first - 1, second - 1];
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  // Of an older tree without a remainder the proof begins with its root.
  const steps = powerOfTwo(first) || first === second ? [oldRoot, ...path] : path;
  let [was, hash] = [steps[0], steps[0]];
  good = mark(made(ladder, "begun"), hex(hash) === made(ladder, "begun").dataset.new) && good;
  const shown = rungs(ladder);
  if (shown.length !== steps.length - 1) good = false;
  if (first === second) [at, last] = [0, 0];
  for (const [number, beside] of steps.slice(1).entries()) {
    if (last === 0) good = false;
    const left = at % 2 === 1 || at === last;
    if (left) {
      was = await above(beside, was);
      hash = await above(beside, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      hash = await above(hash, beside);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    const rung = shown[number];
    if (rung) good = mark(rung, hex(hash) === rung.dataset.new && (!left || hex(was) === rung.dataset.old)) && good;
  }
  good = mark(made(ladder, "old"), same(was, oldRoot)) && good;
  good = mark(made(ladder, "root"), same(hash, newRoot)) && good && last === 0;
  verdict(good, good
    ? `Your browser took every step below, and came to both roots: the log of ${second} entries begins with that of ${first}.`
    : `Your browser took the steps below, and did not come to both roots: the log of ${second} entries does not begin with the one of ${first}.`);
}

// A checkpoint is a name, a size and a root; then an empty line and signatures: see c2sp.org/signed-note.
function read(text) {
  const [body, rest] = text.split("\n\n");
  const [, size, root] = body.split("\n");
  const signatures = rest.split("\n").filter((line) => line.startsWith("— ")).map((line) => line.split(" "));
  return { text: `${body}\n`, size: Number(size), root: from64(root), signatures };
}

async function signedBy(checkpoint, verifier) {
  const name = verifier.slice(0, verifier.indexOf("+"));
  const key = from64(verifier.slice(name.length + 1 + 8 + 1));
  const id = hex((await sha256(joined(utf8(`${name}\n`), key))).slice(0, 4));
  const known = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
  for (const [, signer, encoded] of checkpoint.signatures) {
    const signature = from64(encoded);
    if (signer !== name || hex(signature.slice(0, 4)) !== id) continue;
    if (await crypto.subtle.verify("Ed25519", known, signature.slice(4), utf8(checkpoint.text))) return true;
  }
  return false;
}

async function signature(checkpoint) {
  const told = document.getElementById("signature");
  let good = false;
  try {
    for (const one of document.querySelectorAll("[data-key]")) good = (await signedBy(checkpoint, one.dataset.key)) || good;
  } catch {
    told.lastChild.textContent = " The server says that it made this signature; this browser does not know Ed25519.";
    return;
  }
  told.dataset.by = "browser";
  told.classList.toggle("wrong", !good);
  told.querySelector(".dot").className = `dot ${good ? "good" : "alarm"}`;
  told.lastChild.textContent = good
    ? " Your browser checked the signature: it is of the public key below."
    : " Your browser checked the signature: it is of none of the public keys below.";
}

async function prove() {
  const note = document.getElementById("note");
  if (!note) return;
  const ladder = document.getElementById("steps");
  if (!globalThis.crypto?.subtle) {
    // Browsers keep their hashes from pages that came without TLS.
    if (ladder) document.getElementById("whose").textContent += " Over HTTPS your browser would take them itself.";
    return;
  }
  const checkpoint = read(note.textContent);
  if (ladder) await { inclusion, consistency }[ladder.dataset.proof](ladder, checkpoint);
  await signature(checkpoint);
}

prove();

const zone = document.querySelector(".drop");

async function take(file) {
  const told = document.getElementById("unread");
  const field = document.getElementById("bundle");
  if (file.size > Number(zone.dataset.most)) {
    told.textContent = `${file.name} has ${file.size} bytes, ${zone.dataset.most} at most: check it with guerdon audit check-bundle.`;
    told.hidden = false;
    return;
  }
  told.hidden = true;
  document.getElementById("name").value = file.name.slice(0, 200);
  field.value = await file.text();
  document.getElementById("checking").hidden = false;
  field.form.requestSubmit();
}

if (zone) {
  const input = zone.querySelector("input");
  input.addEventListener("change", () => input.files[0] && take(input.files[0]));
  for (const name of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }
}
