/*
 * For tests alone. Dawn takes only devices that index arrays of sampled and of storage images dynamically, which
 * lavapipe of Mesa 22.3 (Debian 12) does not report. Compute shaders over storage buffers use neither. This Vulkan
 * layer reports both features, and takes them out again where a device is made.
 */
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

static PFN_vkGetInstanceProcAddr next_instance_proc;
static PFN_vkGetDeviceProcAddr next_device_proc;
static PFN_vkGetPhysicalDeviceFeatures next_features;
static PFN_vkGetPhysicalDeviceFeatures2 next_features2;
static VkInstance the_instance;

static void set_indexing(VkPhysicalDeviceFeatures *features, VkBool32 value) {
  features->shaderSampledImageArrayDynamicIndexing = value;
  features->shaderStorageImageArrayDynamicIndexing = value;
}

static VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice device, VkPhysicalDeviceFeatures *features) {
  next_features(device, features);
  set_indexing(features, VK_TRUE);
}

static VKAPI_ATTR void VKAPI_CALL get_features2(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features) {
  next_features2(device, features);
  set_indexing(&features->features, VK_TRUE);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator, VkInstance *instance) {
  VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)info->pNext;
  while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO))
    link = (VkLayerInstanceCreateInfo *)link->pNext;
  if (!link) return VK_ERROR_INITIALIZATION_FAILED;
  next_instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  PFN_vkCreateInstance create = (PFN_vkCreateInstance)next_instance_proc(NULL, "vkCreateInstance");
  VkResult result = create(info, allocator, instance);
  if (result != VK_SUCCESS) return result;
  the_instance = *instance;
  next_features = (PFN_vkGetPhysicalDeviceFeatures)next_instance_proc(*instance, "vkGetPhysicalDeviceFeatures");
  next_features2 = (PFN_vkGetPhysicalDeviceFeatures2)next_instance_proc(*instance, "vkGetPhysicalDeviceFeatures2");
  if (!next_features2)
    next_features2 = (PFN_vkGetPhysicalDeviceFeatures2)next_instance_proc(*instance, "vkGetPhysicalDeviceFeatures2KHR");
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkDevice *device) {
  VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)info->pNext;
  while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO))
    link = (VkLayerDeviceCreateInfo *)link->pNext;
  if (!link) return VK_ERROR_INITIALIZATION_FAILED;
  PFN_vkGetInstanceProcAddr instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  next_device_proc = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  VkDeviceCreateInfo honest = *info;
  VkPhysicalDeviceFeatures features;
  if (info->pEnabledFeatures) {
    features = *info->pEnabledFeatures;
    set_indexing(&features, VK_FALSE);
    honest.pEnabledFeatures = &features;
  }
  for (VkBaseOutStructure *next = (VkBaseOutStructure *)info->pNext; next; next = next->pNext)
    if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2)
      set_indexing(&((VkPhysicalDeviceFeatures2 *)next)->features, VK_FALSE);
  PFN_vkCreateDevice create = (PFN_vkCreateDevice)instance_proc(the_instance, "vkCreateDevice");
  return create(physical, &honest, allocator, device);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char *name);
static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char *name);

static const struct {
  const char *name;
  PFN_vkVoidFunction function;
} ours[] = {
    {"vkGetInstanceProcAddr", (PFN_vkVoidFunction)instance_proc},
    {"vkGetDeviceProcAddr", (PFN_vkVoidFunction)device_proc},
    {"vkCreateInstance", (PFN_vkVoidFunction)create_instance},
    {"vkCreateDevice", (PFN_vkVoidFunction)create_device},
    {"vkGetPhysicalDeviceFeatures", (PFN_vkVoidFunction)get_features},
    {"vkGetPhysicalDeviceFeatures2", (PFN_vkVoidFunction)get_features2},
    {"vkGetPhysicalDeviceFeatures2KHR", (PFN_vkVoidFunction)get_features2},
};

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char *name) {
  for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
    if (strcmp(name, ours[i].name) == 0) return ours[i].function;
  return next_instance_proc ? next_instance_proc(instance, name) : NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char *name) {
  if (strcmp(name, "vkGetDeviceProcAddr") == 0) return (PFN_vkVoidFunction)device_proc;
  return next_device_proc ? next_device_proc(device, name) : NULL;
}

VK_LAYER_EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface) {
  interface->loaderLayerInterfaceVersion = 2;
  interface->pfnGetInstanceProcAddr = instance_proc;
  interface->pfnGetDeviceProcAddr = device_proc;
  interface->pfnGetPhysicalDeviceProcAddr = NULL;
  return VK_SUCCESS;
}
