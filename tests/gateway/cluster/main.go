// cluster is a Kubernetes control plane without a cluster, for tests: the real kube-apiserver with etcd inside,
// the real deployment, replicaset and endpointslice controllers, each in one process, and the real kubectl.
//
//	cluster apiserver --etcd-dir DIR [--etcd-client-port P] [--etcd-peer-port P] -- KUBE-APISERVER-FLAGS
//	cluster controllers                     with KUBECONFIG in the environment
//	cluster kubectl ARGS...
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	var err error
	switch os.Args[1] {
	case "apiserver":
		err = apiserver(os.Args[2:])
	case "controllers":
		err = controllers()
	case "kubectl":
		kubectl(os.Args[2:])
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cluster %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: cluster apiserver --etcd-dir DIR -- FLAGS | cluster controllers | cluster kubectl ARGS")
	os.Exit(2)
}
