// Reads server-sent events from a fetch, rather than by EventSource: so it sees keep-alives, errors
// with their sentences, and takes thousands of messages at a time.

// Yields an array of {id, event, data} per chunk received; an empty one for a keep-alive. A message
// of an id alone has no data: there is nothing new up to that cursor.
export async function* messages(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const {done, value} = await reader.read();
      if (done) return;
      rest += value.includes('\r') ? value.replaceAll('\r', '') : value;
      const end = rest.lastIndexOf('\n\n');
      if (end < 0) {
        yield [];
        continue;
      }
      const blocks = rest.slice(0, end).split('\n\n');
      rest = rest.slice(end + 2);
      yield blocks.map(parse).filter(({id, data}) => id !== undefined || data !== undefined);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

export function parse(block) {
  const message = {event: 'message'};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 1) continue;  // a comment, or nothing
    const field = line.slice(0, colon);
    const value = line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data' && message.data !== undefined) message.data += '\n' + value;
    else if (field === 'data' || field === 'id' || field === 'event') message[field] = value;
  }
  return message;
}
