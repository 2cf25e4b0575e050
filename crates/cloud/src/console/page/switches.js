// The switches: what they show is what the cloud says, what they ask for is a POST
// that other sites cannot make a browser send.

import { the, say } from '/dom.js';
import { words } from '/words.js';

let faults;
let sessions = 0;

export function take(tick) {
  sessions = tick.sessions;
  show(tick.faults);
}

export function enable(enabled) {
  the('controls').disabled = !enabled;
}

export function retranslate() {
  // What was said last is said in the old language; it is over.
  say(the('said'), '');
}

function show(told) {
  faults = told;
  say(the('sessions'), String(sessions));
  say(the('sessions-open'), String(sessions || ''));
  the('drop').checked = told.drop > 0;
  the('delay').checked = Boolean(told.delay && told.delay[1] > 0);
  the('separate').checked = told.separate > 0;
  // Values that are off stay as they were left, to be switched on again.
  if (told.drop > 0) put('drop-share', percent(told.drop));
  if (the('delay').checked) {
    put('delay-low', told.delay[0]);
    put('delay-high', told.delay[1]);
  }
  if (told.separate > 0) put('separate-share', percent(told.separate));
  // The seed is at the end; without any fault it says nothing.
  put('text', told.text.startsWith('seed=') ? '' : told.text);
}

function percent(share) {
  return Math.round(share * 1000) / 10;
}

/** Sets a value that is not being edited. */
function put(id, value) {
  if (document.activeElement !== the(id)) the(id).value = value;
}

async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'x-iot-coap-console': '1', ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error((await response.text()).trim());
    return await response.json();
  } catch (error) {
    say(the('said'), words('said-failed', { reason: error.message }));
    return undefined;
  }
}

async function setFaults(text, replace = false) {
  const told = await post('/faults', { faults: text, replace });
  if (told) say(the('said'), words('said-faults'));
  const result = told ?? faults;
  if (result) show(result);
}

/** What a switch asks for, by what is checked and entered. */
const ASKED = {
  drop: () => `drop=${the('drop').checked ? share('drop-share') : 0}`,
  delay: () => {
    if (!the('delay').checked) return 'delay=0';
    const [low, high] = [the('delay-low').valueAsNumber, the('delay-high').valueAsNumber];
    return `delay=${low}..${Math.max(low, high)}`;
  },
  separate: () => `separate=${the('separate').checked ? share('separate-share') : 0}`,
};

function share(id) {
  return the(id).valueAsNumber / 100;
}

for (const [name, asked] of Object.entries(ASKED)) {
  the('faults').querySelectorAll(`[id^="${name}"]`).forEach((input) => {
    input.addEventListener('change', () => {
      const wrong = [...the('faults').querySelectorAll(`[id^="${name}-"]`)].find((each) => !each.checkValidity());
      if (wrong) {
        say(the('said'), words('bad-number', { reason: wrong.validationMessage }));
      } else if (input.id === name || the(name).checked) {
        setFaults(asked());
      }
    });
  });
}

const applyText = () => setFaults(the('text').value, true);
the('apply').addEventListener('click', applyText);
the('text').addEventListener('keydown', (event) => {
  if (event.key === 'Enter') applyText();
});
the('faults').addEventListener('submit', (event) => event.preventDefault());
for (const action of ['expire-tokens', 'close-sessions', 'ping']) {
  the(action).addEventListener('click', async () => {
    const done = await post('/' + action);
    if (done !== undefined) say(the('said'), words('said-' + action, { count: done?.count }));
  });
}
