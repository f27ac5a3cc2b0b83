// Makes manifests/monitoring/prometheus-rule.yaml, for the Prometheus operator, from rules.yaml.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { projectPath } from "./config/project.js";

export const RULES_PATH = projectPath("manifests", "monitoring", "rules.yaml");
export const PROMETHEUS_RULE_PATH = projectPath("manifests", "monitoring", "prometheus-rule.yaml");

const HEAD = `# Made from rules.yaml by scripts/prometheus-rule.ts: change the rules there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: warmroute
spec:
`;

/** The same rules, comments and all, two columns further in; the file's own head goes. */
export function prometheusRule(rules: string): string {
  const groups = rules.slice(rules.search(/^groups:/m));
  return HEAD + groups.replace(/^(?=.)/gm, "  ");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PROMETHEUS_RULE_PATH, prometheusRule(readFileSync(RULES_PATH, "utf8")));
}
