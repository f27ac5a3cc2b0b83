// The API server: kube-apiserver's own command, after an etcd has been started in the same process.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// apiserver runs until it is signalled; what follows "--" goes to kube-apiserver unchanged.
func apiserver(args []string) error {
	flags := flag.NewFlagSet("apiserver", flag.ExitOnError)
	dir := flags.String("etcd-dir", "", "data directory of the etcd inside")
	clientPort := flags.Int("etcd-client-port", 12379, "loopback port for the API server")
	peerPort := flags.Int("etcd-peer-port", 12380, "loopback port etcd insists on")
	split := slices.Index(args, "--")
	if split < 0 {
		split = len(args)
	}
	if err := flags.Parse(args[:split]); err != nil {
		return err
	}
	if *dir == "" {
		return errors.New("--etcd-dir is missing")
	}
	if err := startEtcd(*dir, *clientPort, *peerPort); err != nil {
		return err
	}
	os.Args = []string{os.Args[0], fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", *clientPort)}
	if split < len(args) {
		os.Args = append(os.Args, args[split+1:]...)
	}
	os.Exit(cli.Run(app.NewAPIServerCommand()))
	return nil
}

func startEtcd(dir string, clientPort, peerPort int) error {
	client := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", clientPort)}
	peer := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", peerPort)}
	config := embed.NewConfig()
	config.Dir = dir
	config.LogLevel = "error"
	config.UnsafeNoFsync = true // a test's data need not survive the machine
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-server.Server.ReadyNotify():
		return nil
	case <-time.After(30 * time.Second):
		return errors.New("etcd: not ready within 30 s")
	}
}
