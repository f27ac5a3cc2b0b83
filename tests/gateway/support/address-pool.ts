// Gives out addresses and takes them back, the longest unused first.

export class AddressPool {
  readonly #free: string[];

  constructor(addresses: readonly string[]) {
    this.#free = [...addresses];
  }

  take(): string {
    const address = this.#free.shift();
    if (address === undefined) throw new Error("there is no address left");
    return address;
  }

  giveBack(address: string): void {
    this.#free.push(address);
  }
}
