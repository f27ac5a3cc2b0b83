// Envoy Gateway in Kubernetes mode with the shipped manifests: one cluster, a theme at a time.
import "./install.js";
import "./filters.js";
import "./traffic.js";
import "./limits.js";
import "./mirror.js";
import "./pods.js";
import "./models.js";
import "./two-pools.js";
import "./versions.js";
import "./canary.js";
import "./image-faults.js";
import "./sidecar.js";
import "./rollout.js";
import "./tls-pods.js";
import "./example.js";
import "./manifests.js";
import "./sharing.js";
// The last: it also ends the cluster.
import "./uninstall.js";
