// SPDX-License-Identifier: GPL-2.0-only
/* The transports that are modules of their own. */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kmod.h>
#include <linux/kvm_ft.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "transport.h"

static DEFINE_MUTEX(modules_lock);
static const struct kvm_ft_transport *modules[KVM_FT_LOG_TYPES];	/* under the lock */

int kvm_ft_transport_register(const struct kvm_ft_transport *transport)
{
	int err = 0;

	if (transport->type >= KVM_FT_LOG_TYPES)
		return -EINVAL;
	mutex_lock(&modules_lock);
	if (modules[transport->type])
		err = -EBUSY;
	else
		modules[transport->type] = transport;
	mutex_unlock(&modules_lock);
	return err;
}
EXPORT_SYMBOL_GPL(kvm_ft_transport_register);

void kvm_ft_transport_unregister(const struct kvm_ft_transport *transport)
{
	mutex_lock(&modules_lock);
	modules[transport->type] = NULL;
	mutex_unlock(&modules_lock);
}
EXPORT_SYMBOL_GPL(kvm_ft_transport_unregister);

static const struct kvm_ft_transport *get(u32 type)
{
	const struct kvm_ft_transport *found;

	mutex_lock(&modules_lock);
	found = modules[type];
	if (found && !try_module_get(found->owner))
		found = NULL;
	mutex_unlock(&modules_lock);
	return found;
}

struct kvm_ft_end *kvm_ft_transport_connect(u32 type, int fd, u64 generation)
{
	const struct kvm_ft_transport *found = get(type);
	struct kvm_ft_end *end;

	if (!found && !request_module("kvm-ft-transport-%u", type))
		found = get(type);
	if (!found)
		return ERR_PTR(-EPROTONOSUPPORT);
	end = found->connect(fd, generation);
	if (IS_ERR(end))
		module_put(found->owner);
	return end;
}

void kvm_ft_transport_release(struct kvm_ft_end *end)
{
	struct module *owner = end->ops->owner;

	end->ops->release(end);
	module_put(owner);
}
