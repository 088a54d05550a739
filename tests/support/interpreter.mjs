// Runs the definition of a state machine in aws-local-stepfunctions, with given answers instead of functions.
//
// Standard input: {definition, input, answers: {state: [answer or {raises}]}}. The last answer of a state repeats.
// Standard output: {path: the states that were entered, payloads: what each function got, output or error}.
import { StateMachine } from "aws-local-stepfunctions";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { definition, input, answers } = JSON.parse(Buffer.concat(chunks).toString());

const payloads = {};
const handlers = {};
const pauses = {};
const waits = {};
for (const [name, state] of Object.entries(definition.States)) {
  if (state.Type === "Wait") waits[name] = 0;
  if (state.Type !== "Task") continue;
  pauses[name] = 0;
  payloads[name] = [];
  handlers[name] = (given) => {
    payloads[name].push(given.Payload);
    const mine = answers[name] ?? [];
    const answer = mine[Math.min(payloads[name].length, mine.length) - 1];
    if (answer === undefined) throw new Error(`There is no answer for ${name}.`);
    if (answer.raises) throw Object.assign(new Error(answer.raises), { name: answer.raises });
    return { Payload: answer };
  };
}

const machine = new StateMachine(definition, { validationOptions: { checkArn: false } });
const execution = machine.run(input, {
  context: { Execution: { Name: input.generation_id }, Task: { Token: "token" } },
  overrides: { taskResourceLocalHandlers: handlers, waitTimeOverrides: waits, retryIntervalOverrides: pauses },
});
const path = [];
const reading = (async () => {
  for await (const event of execution.eventLogs) if (/StateEntered$/.test(event.type)) path.push(event.state.name);
})();
let ended;
try {
  ended = { output: await execution.result };
} catch (error) {
  ended = { error: error.name, cause: String(error.message) };
}
await reading;
process.stdout.write(JSON.stringify({ path, payloads, ...ended }));
