// The scrape jobs that are shipped for Kubernetes, with processes of the lab as their pods.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { projectPath } from "../scripts/config/project.js";

/** A pod's port as Kubernetes' discovery describes it to Prometheus. */
export interface PodPort {
  namespace: string;
  pod: string;
  /** `ip:port`. */
  address: string;
  portName?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

interface Job {
  job_name: string;
  kubernetes_sd_configs?: object[];
  [key: string]: unknown;
}

/**
 * Prometheus' configuration with the shipped jobs: all that is changed is the interval, and that
 * the same list of ports stands in place of each job's discovery. The jobs' own rules choose.
 */
export function shippedScrapes(ports: PodPort[], intervalSeconds: number): object {
  const path = projectPath("manifests", "monitoring", "scrape-config.yaml");
  const { scrape_configs: jobs } = parse(readFileSync(path, "utf8")) as { scrape_configs: Job[] };
  const interval = `${intervalSeconds}s`;
  return {
    global: { scrape_interval: interval, evaluation_interval: interval },
    rule_files: [projectPath("manifests", "monitoring", "rules.yaml")],
    scrape_configs: jobs.map(({ kubernetes_sd_configs: discovery, ...job }) => {
      if (discovery === undefined) throw new Error(`${job.job_name} discovers no pods`);
      const found = ports.map((port) => ({ targets: [port.address], labels: metaLabels(port) }));
      return {
        ...job,
        scrape_interval: interval,
        scrape_timeout: interval,
        static_configs: found,
      };
    }),
  };
}

/** Annotations of a pod that wants to be scraped, as the seeds and the examples have them. */
export function scrapeAnnotations(port: number, path = "/metrics"): Record<string, string> {
  return {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": String(port),
    "prometheus.io/path": path,
  };
}

/** The labels that Prometheus' documentation of `role: pod` names. */
function metaLabels(port: PodPort): Record<string, string> {
  const labels: Record<string, string> = {
    __meta_kubernetes_namespace: port.namespace,
    __meta_kubernetes_pod_name: port.pod,
  };
  if (port.portName !== undefined) {
    labels["__meta_kubernetes_pod_container_port_name"] = port.portName;
  }
  for (const [name, value] of Object.entries(port.labels ?? {})) {
    labels[`__meta_kubernetes_pod_label_${sanitized(name)}`] = value;
  }
  for (const [name, value] of Object.entries(port.annotations ?? {})) {
    labels[`__meta_kubernetes_pod_annotation_${sanitized(name)}`] = value;
  }
  return labels;
}

function sanitized(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, "_");
}
