// The controllers: the three of kube-controller-manager that turn a Deployment and a Service into pods and endpoints.
package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/replicaset"
)

const (
	workers            = 2
	replicaBurst       = 500 // kube-controller-manager's own default
	endpointsPerSlice  = 100 // likewise
	endpointBatchDelay = 10 * time.Millisecond
)

// controllers runs until SIGTERM or SIGINT.
func controllers() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 200, 400
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, sets := factory.Core().V1().Pods(), factory.Apps().V1().ReplicaSets()
	deployments, err := deployment.NewDeploymentController(ctx, factory.Apps().V1().Deployments(), sets, pods, client)
	if err != nil {
		return err
	}
	replicas := replicaset.NewReplicaSetController(ctx, sets, pods, client, replicaBurst)
	slices := endpointslice.NewController(ctx, pods, factory.Core().V1().Services(), factory.Core().V1().Nodes(),
		factory.Discovery().V1().EndpointSlices(), endpointsPerSlice, client, endpointBatchDelay)
	factory.Start(ctx.Done())
	var running sync.WaitGroup
	for _, run := range []func(context.Context, int){deployments.Run, replicas.Run, slices.Run} {
		running.Add(1)
		go func() {
			defer running.Done()
			run(ctx, workers)
		}()
	}
	running.Wait()
	return nil
}
