// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../ftd/auth.h"
#include "../ftd/host.h"
#include "../libkvmft/qualify.h"
#include "control_socket.h"
#include "ftadm.h"
#include "object.h"

static void check_modules(const struct host *host, struct findings *found)
{
	if (access("/dev/kvm", R_OK | W_OK))
		findings_add(found, "KVM", "load kvm_amd; SVM must be enabled in the firmware",
			     "cannot use /dev/kvm: %s", strerror(errno));
	if (!*host->module)
		findings_add(found, "MODULE", "insmod kvm-ft.ko", "kvm-ft.ko is not loaded");
	else if (!*host->api)
		findings_add(found, "MODULE_ACCESS", "be root", "cannot use /dev/kvm-ft");
	if (!*host->transport)
		findings_add(found, "MODULE", "insmod kvm-ft-tcp.ko log_interface=INTERFACE",
			     "kvm-ft-tcp.ko is not loaded");
}

static void check_ftd(const struct host *host, const struct config *config,
		      struct findings *found)
{
	static struct secret secret;
	int fd;

	if (!*config->interface) {
		findings_add(found, "CONFIG", "add a line such as interface = eth1 to ftd.conf",
			     "the logging interface is not set");
		return;
	}
	if (!if_nametoindex(config->interface))
		findings_add(found, "INTERFACE",
			     "set interface in ftd.conf to one that 'ip link' shows",
			     "there is no interface %s", config->interface);
	host_check_interface(host, config->interface, "this", found);
	secret_read(&secret, config->secret, found);
	fd = control_connect(config->socket);
	if (fd < 0)
		findings_add(found, "FTD", "systemctl start ftd", "cannot reach ftd at %s: %s",
			     config->socket, strerror(-fd));
	else
		close(fd);
}

/* An emulated host's own counter is used where there is one. */
static void check_counter(struct findings *found, struct kvmft_qualification *result)
{
	struct kvmft_counter counter;

	*result = (struct kvmft_qualification){ .verdict = KVMFT_NO_COUNTER };
	if (kvmft_counter_of_lab(&counter) && kvmft_counter_of_cpu(&counter)) {
		findings_add(found, "NO_COUNTER", "take a host with a CPU that counters.rst lists",
			     "the counters of this CPU are not known");
		return;
	}
	if (kvmft_qualify_counter(&counter, result))
		findings_add(found, kvmft_verdict_name(result->verdict), counter.advice ?: "",
			     "%s", result->text);
}

static int print_check(const struct host *host, const struct findings *found, const char *counter)
{
	struct json_object *all = json_object_new_object();

	if (all) {
		object_add_flag(all, "ok", !found->count);
		object_add_text(all, "host", host->name);
		object_add_text(all, "kernel", host->kernel);
		object_add_text(all, "cpu", host->cpu);
		object_add_text(all, "paging", host->paging);
		object_add_text(all, "counter", counter);
		json_object_object_add(all, "refused", findings_save(found));
	}
	return print_object(all) ?: found->count ? EXIT_ERROR : 0;
}

int host_check(const struct arguments *a)
{
	static struct findings found;
	struct kvmft_qualification counter;
	static struct host host;

	host_describe(&host);
	check_modules(&host, &found);
	check_ftd(&host, &a->config, &found);
	check_counter(&found, &counter);
	if (a->json)
		return print_check(&host, &found, counter.text);
	printf("host     %s: Linux %s, %s, %s paging\n", host.name, host.kernel, host.cpu,
	       *host.paging ? host.paging : "unknown");
	print_findings("refused", &found);
	if (!found.count)
		printf("counter  %s\nnothing stands in the way of protecting VMs\n", counter.text);
	return found.count ? EXIT_ERROR : 0;
}

int host_list(const struct arguments *a)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < a->config.peers_count; i++) {
		const struct peer *peer = &a->config.peers[i];
		struct json_object *one = json_object_new_object();

		if (!a->json)
			printf("%-20s %s\n", peer->name, peer->address);
		object_add_text(one, "name", peer->name);
		object_add_text(one, "address", peer->address);
		json_object_array_add(list, one);
	}
	if (a->json)
		return print_object(list);
	json_object_put(list);
	return 0;
}
