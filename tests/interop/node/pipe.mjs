// The test speaks to a library in lines of JSON: {verb, …} in, {value} or {error} out.
import { createInterface } from 'node:readline';

export async function serve(party) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { verb, ...args } = JSON.parse(line);
    let answer;
    try {
      answer = { value: (await party[verb](args)) ?? null };
    } catch (error) {
      answer = { error: told(error) };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
}

function told(error) {
  const causes = [];
  for (let e = error; e instanceof Error; e = e.cause) causes.push(`${e.code ?? e.name}: ${e.error ?? ''} ${e.message}`);
  return causes.join(' <- ');
}
