// cluster is a Kubernetes control plane without a cluster, for tests: the real kube-apiserver with etcd inside,
// and the real deployment, replicaset and endpointslice controllers, each in one process.
//
//	cluster apiserver --etcd-dir DIR [--etcd-client-port P] [--etcd-peer-port P] -- KUBE-APISERVER-FLAGS
//	cluster controllers                     with KUBECONFIG in the environment
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
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cluster %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: cluster apiserver --etcd-dir DIR -- FLAGS | cluster controllers")
	os.Exit(2)
}
