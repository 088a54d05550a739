// Read JavaScript programs, a JSON list of texts, and print a list of their string literals and objects for each.
// Nothing is executed. An object that contains a variable is left out, and the result of a program with an error is null.
import { readFileSync } from "node:fs";

import { parse } from "acorn";

class Unknown extends Error {}

function value(node) {
  switch (node.type) {
    case "Literal":
      return node.value;
    case "TemplateLiteral":
      if (node.expressions.length) throw new Unknown();
      return node.quasis[0].value.cooked;
    case "UnaryExpression":
      if (node.operator !== "-") throw new Unknown();
      return -value(node.argument);
    case "ArrayExpression":
      return node.elements.map(value);
    case "ObjectExpression":
      return Object.fromEntries(node.properties.map((one) => [one.key?.name ?? one.key?.value, value(one.value)]));
    default:
      throw new Unknown();
  }
}

function* nodes(node) {
  if (typeof node?.type === "string") yield node;
  for (const inner of Object.values(node)) if (inner && typeof inner === "object") yield* nodes(inner);
}

function read(program) {
  const found = { strings: [], objects: [] };
  for (const node of nodes(parse(program, { ecmaVersion: "latest", sourceType: "module" }))) {
    if (node.type === "Literal" && typeof node.value === "string") found.strings.push(node.value);
    if (node.type === "TemplateElement") found.strings.push(node.value.cooked);
    if (node.type === "ObjectExpression") {
      try {
        found.objects.push(value(node));
      } catch (error) {
        if (!(error instanceof Unknown)) throw error;
      }
    }
  }
  return found;
}

const programs = JSON.parse(readFileSync(0, "utf8"));
const all = programs.map((program) => {
  try {
    return read(program);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
});
console.log(JSON.stringify(all));
