// Ids that the page chooses for what it makes, in the form that the server's own have (TypeID: a kind and
// a UUIDv7 in Crockford's base 32), and keys for retries. Made with getRandomValues, which unlike
// randomUUID exists on plain http too.

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** A new id such as `task_01kd…`. */
export function newId(kind: "board" | "list" | "task"): string {
  return `${kind}_${base32(uuidV7(Date.now()))}`;
}

/** A key under which a request can be sent again without being carried out twice. */
export function newKey(): string {
  return base32(uuidV7(Date.now()));
}

/** RFC 9562, 5.7: 48 bits of time, then random bits around version and variant. */
function uuidV7(now: number): Uint8Array {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let at = 0; at < 6; at++) bytes[at] = Math.floor(now / 2 ** (8 * (5 - at))) & 0xff;
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}

/** 128 bits as 26 digits, two zero bits in front. */
function base32(bytes: Uint8Array): string {
  let value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let digits = "";
  for (let at = 0; at < 26; at++) {
    digits = ALPHABET[Number(value & 31n)] + digits;
    value >>= 5n;
  }
  return digits;
}
