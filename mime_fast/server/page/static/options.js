// The options of a reply, as the server describes them: one control for each.

import { make } from "./bars.js";

const PLACE = "mime:options";
const HIDDEN = ["message", "stream"];
const usual = (schema) => schema["x-default"]; // of this server
const words = (name) => name.replaceAll("_", " ");

function recall() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

function types(schema) {
  return (schema.anyOf ?? [schema]).map(({ type }) => type);
}

function control(name, schema, value) {
  const id = `option-${name}`;
  const facts = { id, name, title: schema.description ?? "" };
  if (schema.enum) {
    const choices = schema.enum.filter((choice) => choice !== null).map(String);
    const none = usual(schema) === null ? "default" : `default (${usual(schema)})`;
    const options = ["", ...choices].map((choice) =>
      make("option", { value: choice }, choice || none));
    return Object.assign(make("select", facts, ...options), { value: value ?? "" });
  }
  if (types(schema).includes("boolean")) {
    return make("input", { ...facts, type: "checkbox", checked: value ?? usual(schema) });
  }
  const isNumber = types(schema).some((type) => type === "number" || type === "integer");
  const placeholder = String(usual(schema) ?? "");
  const input = make("input", { ...facts, placeholder, value: value ?? "", autocomplete: "off" });
  if (!isNumber) return input;
  const step = types(schema).includes("integer") ? "1" : "any";
  Object.assign(input, { type: "number", step });
  for (const [bound, place] of [["minimum", "min"], ["maximum", "max"]]) {
    if (schema[bound] !== undefined) input[place] = schema[bound];
  }
  return input;
}

export function build(form, described) {
  const values = recall();
  const groups = new Map();
  for (const [name, schema] of Object.entries(described)) {
    if (HIDDEN.includes(name)) continue;
    const label = make("label", { htmlFor: `option-${name}` }, words(name), " ");
    label.append(control(name, schema, values[name]));
    const group = schema["x-group"] ?? "Options";
    if (!groups.has(group)) groups.set(group, make("fieldset", {}, make("legend", {}, group)));
    groups.get(group).append(label);
  }
  form.replaceChildren(...groups.values());
  form.addEventListener("change", () => {
    try {
      localStorage.setItem(PLACE, JSON.stringify(chosen(form, described)));
    } catch {
      // They are forgotten with the page.
    }
  });
}

// Those that differ from the defaults.
export function chosen(form, described) {
  const found = {};
  for (const element of form.elements) {
    const schema = described[element.name];
    if (!schema) continue;
    const value = read(element, schema);
    if (value !== null && value !== usual(schema)) found[element.name] = value;
  }
  return found;
}

function read(element, schema) {
  if (element.type === "checkbox") return element.checked;
  if (element.value === "") return null;
  if (schema.enum) return schema.enum.find((choice) => String(choice) === element.value);
  return element.type === "number" ? Number(element.value) : element.value;
}

export function forget(form, described) {
  try {
    localStorage.removeItem(PLACE);
  } catch {
    // Nothing was kept.
  }
  build(form, described);
}
