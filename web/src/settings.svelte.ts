// What a person chose on this device. A browser that keeps nothing still works, with the defaults.

export class Settings {
  /** Whether single keys do things (WCAG 2.2, 2.1.4). */
  #singleKeys = $state(stored("single-keys") !== "off");

  get singleKeys(): boolean {
    return this.#singleKeys;
  }

  set singleKeys(on: boolean) {
    this.#singleKeys = on;
    store("single-keys", on ? "on" : "off");
  }
}

function stored(name: string): string | null {
  try {
    return localStorage.getItem(`boardcast.${name}`);
  } catch {
    return null;
  }
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(`boardcast.${name}`, value);
  } catch {
    // Storage is full or not allowed: the choice lasts as long as the page.
  }
}
