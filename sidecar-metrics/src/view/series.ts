// Metrics whose series are read from the sidecar's state each time they are asked for.
import { Counter, Gauge, type Registry } from "prom-client";

type Labels = Record<string, string>;
type Emit = (labels: Labels, value: number) => void;
type Filler = (emit: Emit) => void;

/** A gauge whose series are made anew each time, so that those of pods that are gone are gone. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  labels: string[],
  fill: Filler,
): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      labelNames: labels,
      registers: [],
      collect() {
        this.reset();
        // What has no labels is 0 after that; what is not known is no 0.
        this.remove({});
        fill((values, value) => this.set(values, value));
      },
    }),
  );
}

/** The same for totals that are counted elsewhere. */
export function counter(
  registry: Registry,
  name: string,
  help: string,
  labels: string[],
  fill: Filler,
): void {
  registry.registerMetric(
    new Counter({
      name,
      help,
      labelNames: labels,
      registers: [],
      collect() {
        this.reset();
        this.remove({});
        fill((values, value) => this.inc(values, value));
      },
    }),
  );
}
