// The API's documentation, made from /openapi.json. Nothing is fetched from anywhere but this server.
"use strict";

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
};

let api;

const resolve = (schema) => (schema && schema.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema || {});

const words = (schema) => {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(words).join(" | ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return `${words(schema.items || {})}[]`;
  return schema.format || schema.type || "anything";
};

const example = (schema, depth = 0) => {
  const one = resolve(schema);
  if ("default" in one) return one.default;
  if (one.anyOf) return example(one.anyOf[0], depth);
  if (one.enum) return one.enum[0];
  if (one.type === "array") return depth > 3 ? [] : [example(one.items || {}, depth + 1)];
  if (one.type === "object") {
    const needed = one.required || [];
    return Object.fromEntries(needed.map((name) => [name, depth > 3 ? null : example((one.properties || {})[name], depth + 1)]));
  }
  if (one.format === "date-time") return new Date().toISOString();
  return { string: "", integer: 1, number: 1, boolean: false }[one.type] ?? {};
};

const fields = (schema) => {
  const one = resolve(schema.type === "array" ? schema.items : schema);
  const rows = Object.entries(one.properties || {}).map(([name, field]) =>
    make("tr", {},
      make("th", { scope: "row" }, make("code", { text: name })),
      make("td", { text: words(field) + ((one.required || []).includes(name) ? "" : ", optional") }),
      make("td", { text: resolve(field).description || "" })));
  if (!rows.length) return make("p", { text: words(schema) });
  return make("div", {}, make("p", { text: one.description || "" }), make("table", {}, ...rows));
};

const folded = (title, ...content) => make("details", {}, make("summary", { text: title }), ...content);

const tryIt = (path, method, operation) => {
  const inputs = (operation.parameters || []).map((one) => {
    const input = make("input", { "aria-label": one.name, placeholder: one.name });
    return [one, input];
  });
  const body = operation.requestBody && operation.requestBody.content["application/json"];
  const area = body ? make("textarea", { "aria-label": "body" }) : null;
  if (area) area.value = JSON.stringify(example(body.schema), null, 2);
  const shown = make("pre", { "aria-live": "polite", hidden: "" });
  const send = async () => {
    let address = path;
    const query = new URLSearchParams();
    const headers = {};
    const key = document.getElementById("key").value.trim();
    if (key) headers.Authorization = `Bearer ${key}`;
    for (const [one, input] of inputs) {
      if (!input.value) continue;
      if (one.in === "path") address = address.replace(`{${one.name}}`, encodeURIComponent(input.value));
      else if (one.in === "query") query.set(one.name, input.value);
      else headers[one.name] = input.value;
    }
    if (area) headers["Content-Type"] = "application/json";
    const url = query.size ? `${address}?${query}` : address;
    const answer = await fetch(url, { method: method.toUpperCase(), headers, body: area ? area.value : undefined });
    const text = await answer.text();
    let pretty = text;
    try { pretty = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it came */ }
    shown.hidden = false;
    shown.textContent = `${answer.status} ${answer.statusText}\n${pretty}`;
  };
  return folded("Try it", make("p", {}, ...inputs.map(([, input]) => input)), area, make("p", {}, make("button", { type: "button", text: "Send", onclick: send })), shown);
};

const answers = (operation) =>
  make("table", {}, ...Object.entries(operation.responses).map(([status, answer]) => {
    const codes = status >= "400"
      ? answer.description.split(" · ").map((line) => {
          const code = line.split(":")[0];
          return make("div", {}, make("a", { href: `/problems/${code}`, text: code }), line.slice(code.length));
        })
      : [answer.description];
    return make("tr", {}, make("th", { scope: "row", text: status }), make("td", {}, ...codes));
  }));

const section = (path, method, operation) => {
  const body = operation.requestBody && operation.requestBody.content["application/json"];
  const good = Object.values(operation.responses)[0].content || {};
  const answer = good["application/json"] && good["application/json"].schema;
  return make("section", { id: operation.operationId },
    make("h3", {}, make("span", { class: `method ${method}`, text: method.toUpperCase() }), path),
    make("p", {}, make("strong", { text: `${operation.summary}. ` }), operation.description || ""),
    operation.parameters.length
      ? folded("Parameters", make("table", {}, ...operation.parameters.map((one) =>
          make("tr", {}, make("th", { scope: "row" }, make("code", { text: one.name })), make("td", { text: one.in }), make("td", { text: one.description || words(one.schema) })))))
      : null,
    body ? folded("Body", fields(body.schema)) : null,
    answer ? folded("Answer", fields(answer)) : null,
    folded("Statuses and problems", answers(operation)),
    tryIt(path, method, operation));
};

const show = async () => {
  api = await (await fetch("/openapi.json")).json();
  const index = document.getElementById("index");
  const routes = document.getElementById("routes");
  const groups = new Map();
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const node = section(path, method, operation);
      const link = make("a", { href: `#${operation.operationId}`, text: operation.summary });
      routes.append(node);
      if (!groups.has(operation.tags[0])) groups.set(operation.tags[0], []);
      groups.get(operation.tags[0]).push([link, node, `${path} ${operation.summary} ${operation.description}`.toLowerCase()]);
    }
  }
  for (const [tag, entries] of groups) index.append(make("h2", { text: tag }), ...entries.map(([link]) => link));
  document.getElementById("find").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const entries of groups.values())
      for (const [link, node, text] of entries) link.hidden = node.hidden = !text.includes(wanted);
  });
};

show();
