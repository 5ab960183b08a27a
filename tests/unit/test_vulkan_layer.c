/* SPDX-License-Identifier: MIT */
#include "tests/unit/fd_count.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "tests/unit/fake_vulkan.h"

VkResult vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface);

#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define OPAQUE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT
#define HOST VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
#define EXPORTABLE VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT
#define IMPORTABLE VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT

/* What a caller of Vulkan has, with the layer in it. */
static struct {
    VkNegotiateLayerInterface layer;
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
} vk;

#define OF_INSTANCE(name) ((PFN_vk##name)vk.layer.pfnGetInstanceProcAddr(vk.instance, "vk" #name))
#define OF_DEVICE(name) ((PFN_vk##name)vk.layer.pfnGetDeviceProcAddr(vk.device, "vk" #name))

/* Mesa's software driver on a host without /dev/udmabuf. */
static void be_software(void)
{
    static int key;

    fake = (struct fake_vulkan){
        .extensions = {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
                       VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME},
        .dma_buf = IMPORTABLE,
        .host = IMPORTABLE,
        .alignment = 4096,
        .host_types = 1,
    };
    fake.instance.key = fake.physical.key = &key;
    fake.device.key = &fake;
}

/* A driver that exports dmabufs itself. */
static void be_hardware(void)
{
    be_software();
    fake.dma_buf = IMPORTABLE | EXPORTABLE;
}

static void start_instance(void)
{
    VkLayerInstanceLink below = {.pfnNextGetInstanceProcAddr = fake_instance_call};
    VkLayerInstanceCreateInfo link = {
        .sType = VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO,
        .function = VK_LAYER_LINK_INFO,
        .u.pLayerInfo = &below,
    };
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pNext = &link};

    memset(&vk, 0, sizeof(vk));
    vk.layer.sType = LAYER_NEGOTIATE_INTERFACE_STRUCT;
    vk.layer.loaderLayerInterfaceVersion = 2;
    assert_int_equal(vkNegotiateLoaderLayerInterfaceVersion(&vk.layer), VK_SUCCESS);
    assert_int_equal(OF_INSTANCE(CreateInstance)(&info, NULL, &vk.instance), VK_SUCCESS);
    assert_null(link.u.pLayerInfo); /* the next layer finds its own */
    vk.physical = (VkPhysicalDevice)&fake.physical;
}

static void start(const char *const *extensions, uint32_t count)
{
    VkLayerDeviceLink below = {.pfnNextGetInstanceProcAddr = fake_instance_call,
                               .pfnNextGetDeviceProcAddr = fake_device_call};
    VkLayerDeviceCreateInfo link = {
        .sType = VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO,
        .function = VK_LAYER_LINK_INFO,
        .u.pLayerInfo = &below,
    };
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &link,
        .enabledExtensionCount = count,
        .ppEnabledExtensionNames = extensions,
    };

    start_instance();
    assert_int_equal(OF_INSTANCE(CreateDevice)(vk.physical, &info, NULL, &vk.device), VK_SUCCESS);
}

static void stop(void)
{
    if (vk.device != NULL)
        OF_DEVICE(DestroyDevice)(vk.device, NULL);
    OF_INSTANCE(DestroyInstance)(vk.instance, NULL);
}

/* Allocates with an export of 'handles' (0: none) and something else in the list. */
static VkResult allocate(uint64_t size, VkExternalMemoryHandleTypeFlags handles,
                         VkDeviceMemory *memory)
{
    VkMemoryAllocateFlagsInfo last = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO};
    VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .pNext = &last,
        .handleTypes = handles,
    };
    VkMemoryDedicatedAllocateInfo first = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
        .pNext = handles != 0 ? (void *)&export : (void *)&last,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &first,
        .allocationSize = size,
    };
    VkResult result = OF_DEVICE(AllocateMemory)(vk.device, &info, NULL, memory);

    /* The caller's list is as it was. */
    assert_ptr_equal(first.pNext, handles != 0 ? (void *)&export : (void *)&last);
    assert_ptr_equal(export.pNext, &last);
    assert_int_equal(info.allocationSize, size);
    return result;
}

static VkResult import(int fd, uint64_t size, VkDeviceMemory *memory)
{
    VkImportMemoryFdInfoKHR imported = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .handleType = DMA_BUF,
        .fd = fd,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &imported,
        .allocationSize = size,
    };
    VkResult result = OF_DEVICE(AllocateMemory)(vk.device, &info, NULL, memory);

    assert_ptr_equal(info.pNext, &imported);
    return result;
}

static int get_fd(VkDeviceMemory memory)
{
    const VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = memory,
        .handleType = DMA_BUF,
    };
    int fd = -1;

    assert_int_equal(OF_DEVICE(GetMemoryFdKHR)(vk.device, &info, &fd), VK_SUCCESS);
    return fd;
}

/* ---- a driver that needs no help ---- */

static void exported_memory_is_rounded_to_pages(void **state)
{
    VkDeviceMemory memory;

    be_hardware();
    start(NULL, 0);
    assert_int_equal(allocate(100, OPAQUE, &memory), VK_SUCCESS);
    assert_int_equal(fake.size, units_page_size());
    assert_true(fake_chain_has(VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO));
    assert_int_equal(allocate(20000, DMA_BUF, &memory), VK_SUCCESS);
    assert_int_equal(fake.size % units_page_size(), 0);
    assert_true(fake.size >= 20000 && fake.size < 20000 + units_page_size());
    assert_int_equal(allocate(65536, DMA_BUF, &memory), VK_SUCCESS);
    assert_int_equal(fake.size, 65536);
    assert_int_equal(get_fd(memory), FAKE_FD);
    assert_int_equal(allocate(UINT64_MAX, DMA_BUF, &memory), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    stop();
}

static void other_memory_is_left_alone(void **state)
{
    VkDeviceMemory memory;

    be_hardware();
    start(NULL, 0);
    assert_int_equal(allocate(100, 0, &memory), VK_SUCCESS);
    assert_int_equal(fake.size, 100);
    assert_int_equal(allocate(100, VK_EXTERNAL_MEMORY_HANDLE_TYPE_D3D11_TEXTURE_BIT, &memory),
                     VK_SUCCESS);
    assert_int_equal(fake.size, 100);
    assert_int_equal(import(55, 100, &memory), VK_SUCCESS);
    assert_int_equal(fake.size, 100);
    assert_int_equal(fake.imported, 55);
    OF_DEVICE(FreeMemory)(vk.device, memory, NULL);
    assert_int_equal(fake.frees, 1);
    stop();

    be_software();
    start(NULL, 0);
    assert_int_equal(allocate(100, 0, &memory), VK_SUCCESS);
    assert_int_equal(fake.size, 100);
    assert_null(fake.pointer);
    stop();
}

static void a_driver_that_can_is_not_helped(void **state)
{
    const char *names[] = {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME};
    VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .handleTypes = DMA_BUF};
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .pNext = &external};
    uint32_t count = 0;
    VkBuffer buffer;

    be_hardware();
    start(names, 1);
    assert_int_equal(fake.enabled_count, 1);
    OF_INSTANCE(EnumerateDeviceExtensionProperties)(vk.physical, NULL, &count, NULL);
    assert_int_equal(count, 2);
    OF_DEVICE(CreateBuffer)(vk.device, &info, NULL, &buffer);
    assert_int_equal(fake.handles, DMA_BUF);
    stop();

    /* Nor one that cannot be helped. */
    be_software();
    fake.extensions[1] = NULL;
    start(names, 1);
    assert_int_equal(fake.enabled_count, 1);
    OF_DEVICE(CreateBuffer)(vk.device, &info, NULL, &buffer);
    assert_int_equal(fake.handles, DMA_BUF);
    stop();
}

/* ---- a driver that takes memory of ours ---- */

static void it_says_that_it_exports(void **state)
{
    VkPhysicalDeviceExternalBufferInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO, .handleType = DMA_BUF};
    VkExternalBufferProperties properties = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    const VkExternalMemoryProperties *found = &properties.externalMemoryProperties;

    be_software();
    start_instance();
    OF_INSTANCE(GetPhysicalDeviceExternalBufferProperties)(vk.physical, &info, &properties);
    assert_int_equal(found->externalMemoryFeatures, EXPORTABLE | IMPORTABLE);
    assert_int_equal(found->exportFromImportedHandleTypes & DMA_BUF, DMA_BUF);
    assert_int_equal(found->compatibleHandleTypes & DMA_BUF, DMA_BUF);
    info.handleType = HOST; /* the driver's own affair */
    OF_INSTANCE(GetPhysicalDeviceExternalBufferProperties)(vk.physical, &info, &properties);
    assert_int_equal(found->externalMemoryFeatures, IMPORTABLE);
    stop();
}

static void it_says_so_of_images(void **state)
{
    VkPhysicalDeviceExternalImageFormatInfo external = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
        .handleType = DMA_BUF,
    };
    VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2, .pNext = &external};
    VkExternalImageFormatProperties found = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES};
    VkImageFormatProperties2 properties = {.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
                                           .pNext = &found};

    be_software();
    start_instance();
    assert_int_equal(
        OF_INSTANCE(GetPhysicalDeviceImageFormatProperties2)(vk.physical, &info, &properties),
        VK_SUCCESS);
    assert_int_equal(fake.handles, HOST);
    assert_int_equal(external.handleType, DMA_BUF);
    assert_int_equal(found.externalMemoryProperties.externalMemoryFeatures,
                     EXPORTABLE | IMPORTABLE);
    /* A format that has no memory of this kind has none here. */
    fake.host = 0;
    OF_INSTANCE(GetPhysicalDeviceImageFormatProperties2)(vk.physical, &info, &properties);
    assert_int_equal(found.externalMemoryProperties.externalMemoryFeatures, 0);
    fake.result = VK_ERROR_FORMAT_NOT_SUPPORTED;
    assert_int_equal(
        OF_INSTANCE(GetPhysicalDeviceImageFormatProperties2)(vk.physical, &info, &properties),
        VK_ERROR_FORMAT_NOT_SUPPORTED);
    stop();
}

static void its_extensions_are_completed(void **state)
{
    VkExtensionProperties list[8];
    uint32_t count = 8;
    PFN_vkEnumerateDeviceExtensionProperties get;

    be_software();
    start_instance();
    get = OF_INSTANCE(EnumerateDeviceExtensionProperties);
    assert_int_equal(get(vk.physical, NULL, &count, list), VK_SUCCESS);
    assert_int_equal(count, 3);
    assert_string_equal(list[2].extensionName, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME);
    count = 2;
    assert_int_equal(get(vk.physical, NULL, &count, list), VK_INCOMPLETE);
    assert_int_equal(count, 2);
    assert_int_equal(get(vk.physical, NULL, &count, NULL), VK_SUCCESS);
    assert_int_equal(count, 3);
    assert_int_equal(get(vk.physical, "VK_LAYER_HOSTBLOB_memory", &count, NULL), VK_SUCCESS);
    assert_int_equal(count, 0);
    stop();
}

static void its_device_gets_what_it_has(void **state)
{
    const char *names[] = {VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME, "VK_KHR_other",
                           VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
                           VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME};

    be_software();
    start(names, 4);
    assert_int_equal(fake.enabled_count, 3);
    assert_string_equal(fake.enabled[0], VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
    assert_string_equal(fake.enabled[1], "VK_KHR_other"); /* which the driver may refuse */
    assert_string_equal(fake.enabled[2], VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME);
    stop();
}

static void its_memory_is_a_sealed_file(void **state)
{
    const int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
    VkDeviceMemory memory;
    struct stat st;
    int fd, again;
    char byte;

    be_software();
    start(NULL, 0);
    assert_int_equal(allocate(5000, DMA_BUF, &memory), VK_SUCCESS);
    assert_int_equal(fake.size % units_page_size(), 0);
    assert_true(fake.size >= 5000);
    assert_non_null(fake.pointer);
    assert_false(fake_chain_has(VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO));
    assert_true(fake_chain_has(VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO));
    assert_true(fake_chain_has(VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO));

    fd = get_fd(memory);
    again = get_fd(memory);
    assert_int_not_equal(fd, again);
    assert_true(fd_same_file(fd, again));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, fake.size);
    assert_int_equal(fcntl(fd, F_GET_SEALS) & sealed, sealed);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    memset(fake.pointer, 0x5a, fake.size); /* the driver writes */
    assert_int_equal(pread(fd, &byte, 1, (off_t)fake.size - 1), 1);
    assert_int_equal(byte, 0x5a);
    close(fd);
    close(again);
    OF_DEVICE(FreeMemory)(vk.device, memory, NULL);
    assert_int_equal(fake.frees, 1);
    stop();
}

static void a_larger_alignment_is_obeyed(void **state)
{
    VkDeviceMemory memory;

    be_software();
    fake.alignment = 65536;
    start(NULL, 0);
    assert_int_equal(allocate(5000, OPAQUE, &memory), VK_SUCCESS);
    assert_int_equal(fake.size, 65536);
    assert_int_equal(allocate(UINT64_MAX - 4096, OPAQUE, &memory), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    stop();
}

/* Freed with the device, where the owner has not. */
static void forgotten_memory_is_freed(void **state)
{
    VkDeviceMemory memory;

    be_software();
    start(NULL, 0);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(allocate(5000, DMA_BUF, &memory), VK_SUCCESS);
    stop();
}

static void what_was_exported_can_be_imported(void **state)
{
    VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    VkDeviceMemory one, two;
    char *written;
    int fd, again;

    be_software();
    start(NULL, 0);
    assert_int_equal(allocate(65536, DMA_BUF, &one), VK_SUCCESS);
    written = fake.pointer;
    fd = get_fd(one);
    assert_int_equal(OF_DEVICE(GetMemoryFdPropertiesKHR)(vk.device, DMA_BUF, fd, &properties),
                     VK_SUCCESS);
    assert_int_equal(properties.memoryTypeBits, 1);
    assert_int_equal(import(fd, 65536, &two), VK_SUCCESS);
    assert_false(fake_chain_has(VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR));
    written[65535] = 7;
    assert_int_equal(((char *)fake.pointer)[65535], 7);
    /* It belongs to the memory now, which can give it away again. */
    OF_DEVICE(FreeMemory)(vk.device, one, NULL);
    again = get_fd(two);
    assert_true(fd_same_file(fd, again));
    close(again);
    OF_DEVICE(FreeMemory)(vk.device, two, NULL);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    stop();
}

static void a_file_that_could_hurt_is_not_imported(void **state)
{
    VkDeviceMemory memory;
    int unsealed = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int small = fd_memfd("small", 4096);
    int other[2];

    be_software();
    start(NULL, 0);
    assert_int_equal(ftruncate(unsealed, 65536), 0);
    assert_int_equal(import(unsealed, 65536, &memory), VK_ERROR_INVALID_EXTERNAL_HANDLE);
    assert_int_equal(import(small, 4097, &memory), VK_ERROR_INVALID_EXTERNAL_HANDLE);
    assert_int_equal(import(small, UINT64_MAX, &memory), VK_ERROR_INVALID_EXTERNAL_HANDLE);
    assert_int_equal(fake.allocations, 0);
    /* What was refused is still the caller's. */
    assert_int_equal(close(unsealed), 0);
    assert_int_equal(close(small), 0);
    /* What is no file is the driver's affair. */
    assert_int_equal(pipe(other), 0);
    assert_int_equal(import(other[0], 4096, &memory), VK_SUCCESS);
    assert_int_equal(fake.imported, other[0]);
    close(other[0]);
    close(other[1]);
    stop();
}

static void a_driver_that_refuses_leaves_nothing(void **state)
{
    VkDeviceMemory memory;
    int fd = fd_memfd("imported", 4096);

    be_software();
    start(NULL, 0);
    fake.result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    assert_int_equal(allocate(5000, DMA_BUF, &memory), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(import(fd, 4096, &memory), VK_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(close(fd), 0);
    stop();
}

static void images_and_buffers_are_of_host_memory(void **state)
{
    VkExternalMemoryImageCreateInfo of_image = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
        .handleTypes = DMA_BUF | OPAQUE,
    };
    VkImageCreateInfo image_info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                                    .pNext = &of_image};
    VkExternalMemoryBufferCreateInfo of_buffer = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .handleTypes = DMA_BUF};
    VkBufferCreateInfo buffer_info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                      .pNext = &of_buffer};
    VkDeviceImageMemoryRequirements image_query = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_IMAGE_MEMORY_REQUIREMENTS, .pCreateInfo = &image_info};
    VkDeviceBufferMemoryRequirements buffer_query = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_BUFFER_MEMORY_REQUIREMENTS, .pCreateInfo = &buffer_info};
    VkMemoryRequirements2 requirements = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    VkImage image;
    VkBuffer buffer;

    be_software();
    start(NULL, 0);
    OF_DEVICE(CreateImage)(vk.device, &image_info, NULL, &image);
    assert_int_equal(fake.handles, HOST);
    OF_DEVICE(GetDeviceImageMemoryRequirements)(vk.device, &image_query, &requirements);
    assert_int_equal(fake.handles, HOST);
    assert_int_equal(of_image.handleTypes, DMA_BUF | OPAQUE);
    OF_DEVICE(CreateBuffer)(vk.device, &buffer_info, NULL, &buffer);
    assert_int_equal(fake.handles, HOST);
    OF_DEVICE(GetDeviceBufferMemoryRequirements)(vk.device, &buffer_query, &requirements);
    assert_int_equal(fake.handles, HOST);
    assert_int_equal(of_buffer.handleTypes, DMA_BUF);
    stop();
}

static void what_a_driver_lacks_is_not_there(void **state)
{
    be_hardware();
    fake.extensions[0] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    fake.extensions[1] = NULL;
    start(NULL, 0);
    assert_null(OF_DEVICE(GetMemoryFdKHR));
    assert_null(vk.layer.pfnGetDeviceProcAddr(vk.device, "vkGetDeviceImageMemoryRequirementsKHR"));
    assert_null(vk.layer.pfnGetDeviceProcAddr(vk.device, "vkNonsense"));
    stop();

    /* But what is made here is. */
    be_software();
    fake.extensions[0] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    fake.extensions[1] = NULL;
    start(NULL, 0);
    assert_non_null(OF_DEVICE(GetMemoryFdKHR));
    assert_null(vk.layer.pfnGetDeviceProcAddr(vk.device, "vkNonsense"));
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(exported_memory_is_rounded_to_pages),
        FD_TEST(other_memory_is_left_alone),
        FD_TEST(a_driver_that_can_is_not_helped),
        FD_TEST(it_says_that_it_exports),
        FD_TEST(it_says_so_of_images),
        FD_TEST(its_extensions_are_completed),
        FD_TEST(its_device_gets_what_it_has),
        FD_TEST(its_memory_is_a_sealed_file),
        FD_TEST(a_larger_alignment_is_obeyed),
        FD_TEST(forgotten_memory_is_freed),
        FD_TEST(what_was_exported_can_be_imported),
        FD_TEST(a_file_that_could_hurt_is_not_imported),
        FD_TEST(a_driver_that_refuses_leaves_nothing),
        FD_TEST(images_and_buffers_are_of_host_memory),
        FD_TEST(what_a_driver_lacks_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
