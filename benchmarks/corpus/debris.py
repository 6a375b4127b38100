"""What bad texts are made of. All of it is written for this corpus, after what is found in scraped and made captions."""

# ruff: noqa: E501  (one piece a line)

from __future__ import annotations

TEMPLATES = [
    "{object} on {place}", "A {adjective} {noun} {verb} in the {location}.", "<subject> next to <object>",
    "[NAME] standing in front of [LANDMARK]", "A photo of a $ITEM on a $SURFACE.", "undefined near undefined",
    "A None sitting on a None.", "%s is %s in the background", "a {{color}} {{thing}} with {{n}} people",
    "The image of NaN and NaN.", "A XXXX is parked beside a XXXX.", "There are N people in the PLACE.",
    "Caption goes here.", "Lorem ipsum dolor sit amet, consectetur adipiscing elit.", "insert description of scene here",
    "A ___ holding a ___ at the ___.", "object_1 left_of object_2", "The ${who} is ${doing} ${where}.",
]  # fmt: skip
TAGS = [
    "person",
    "man",
    "woman",
    "wall",
    "indoor",
    "outdoor",
    "table",
    "chair",
    "ceiling",
    "floor",
    "window",
    "light",
    "sky",
    "tree",
    "grass",
    "building",
    "car",
    "road",
    "water",
    "plant",
    "food",
    "plate",
    "cup",
    "bottle",
    "furniture",
    "clothing",
    "footwear",
    "smile",
    "hair",
    "electronics",
    "screen",
    "animal",
    "mammal",
    "wheel",
    "vehicle",
    "mountain",
    "nature",
    "sport",
    "ball",
    "text",
    "font",
    "sign",
    "standing",
    "no-person",
    "portrait",
    "design",
    "decoration",
    "art",
    "street",
    "travel",
    "summer",
]
COLORS = ["red", "blue", "green", "white", "black", "yellow", "pink", "brown"]
PRINT = [
    "SUBTOTAL 12.40", "VAT 19% 2.36", "THANK YOU FOR SHOPPING", "CASHIER 004 TILL 2", "Tel. 030 555 0182", "Ingredients: wheat flour, sugar,",
    "palm oil, salt. May contain traces of nuts.", "BEST BEFORE SEE LID", "Chapter 3", "of the Treaty, which the parties had", "12 Mon 13 Tue 14 Wed",
    "DEP 14:05 ARR 16:52", "NET WT 340g", "All rights reserved. Printed in Italy", "p. 118", "CONTENTS UNDER PRESSURE", "Dose: 2 tablets every 6 h",
    "REF 88120-B LOT 0417", "Row 12 Seat 34", "Nutrition Facts Serving Size 1 cup", "Made in Portugal 100% cotton", "WASH AT 40", "ACCOUNT NO. 3312 9087",
    "hereinafter called the Lessee", "Volume IX, Number 2", "Entrance on Mill Street", "PULL TAB TO OPEN",
]  # fmt: skip
LINKS = [
    "Home", "About Us", "Products", "Contact", "Login", "Register", "Cart (0)", "My Account", "Search", "Skip to content", "Menu", "Next", "Previous",
    "FAQ", "Privacy Policy", "Terms of Use", "Share on Facebook", "Tweet", "Pin it", "Read more", "View larger image", "Click to enlarge",
    "Add to wishlist", "Back to top", "Newsletter", "Sitemap", "Cookie settings", "Accept all", "Page 1 of 12", "Sort by price", "Filter",
    "Load more", "Download", "Print", "Blog", "Gallery", "Careers", "English", "Deutsch", "Sign out",
]  # fmt: skip
ADVERTS = [
    "Buy Cheap @ Online | Free Shipping Over $50", "Best @ Deals 2023 - Up To 70% Off", "@ for Sale near me, @ store, discount @, @ price",
    "Shop our huge selection of premium @ today!", "Top 10 @ You Need Right Now (Number 7 Will Shock You)", "Vintage @ Retro Gift Idea Men Women Kids Birthday Christmas NEW",
    "@ Wholesale Suppliers & Manufacturers | MegaTrade", "Order now and save: @ in stock, fast delivery, 30 day returns.", "How to Choose the Perfect @ for Your Home",
    "Stock Photo of @ - Royalty Free Image #4471903", "Custom @ HD Wallpaper Free Download 1920x1080", "Official @ Shop - Compare Prices & Read Reviews",
]  # fmt: skip
FILES = [
    "IMG_{number:04d}.JPG", "DSC0{number:04d} copy (2).jpg", "2019-07-14 18.22.{number}.png", "{word}_final_FINAL_v3.psd", "/home/photo/export/{word}-{number}.jpeg",
    "Screenshot_20230411-{number}.png", "C:\\Users\\Public\\Pictures\\{word}{number}.bmp", "untitled-{number}", "wp-content/uploads/2015/03/{word}-1024x768.jpg",
    "{word}{number}_o.jpg", "photo ({number}).webp", "PICT{number:04d} edited",
]  # fmt: skip
EXIF = [
    "Canon EOS 5D Mark III", "NIKON D750", "f/2.8", "1/250 sec", "ISO 400", "70-200mm", "Flash did not fire", "Exposure bias -0.33 EV", "White balance auto",
    "Adobe Photoshop CC 2017", "2016:05:21 14:03:11", "Resolution 300 dpi", "sRGB IEC61966-2.1", "Metering mode pattern", "Orientation horizontal", "GPS 48.8584 N 2.2945 E",
    "Focal length 35 mm", "Aperture priority", "Color space uncalibrated", "Lens EF24-105mm f/4L IS USM", "Copyright notice none", "Compression JPEG",
]  # fmt: skip
REFUSALS = [
    "I'm sorry, but I can't help with identifying people in images.", "As an AI language model, I do not have the ability to see pictures.",
    "I cannot provide a description because no image was uploaded.", "Could you please provide more details about what you are looking for?",
    "Unfortunately I am unable to view this file.", "Please upload the image again so that I can assist you.", "I don't feel comfortable describing this content.",
    "It is not possible to determine the identity of the person.", "Let me know if you would like me to write a longer description!",
    "My guidelines do not allow me to comment on appearance.", "I hope this helps! Is there anything else I can do for you today?",
    "There was no picture attached to your message.",
]  # fmt: skip
PROMPTS = [
    "Describe this image in one sentence.", "You are a helpful assistant that writes captions.", "Write a detailed description of the image, including colors and positions.",
    "Answer the question using a single word or phrase.", "Do not mention the names of any people.", "What is the man on the left holding?",
    "Please respond in English and keep it under fifty words.", "List all objects that are visible and give their locations.", "Rate the quality of the photo on a scale from 1 to 5.",
    "Avoid beginning your answer with the words the image.", "Think step by step before you answer.", "Summarize what is happening for a blind user.",
]  # fmt: skip
STYLE = [
    "masterpiece", "best quality", "ultra detailed", "8k uhd", "trending on artstation", "cinematic lighting", "sharp focus", "octane render", "by greg", "bokeh",
    "intricate", "highly detailed face", "soft light", "35mm film grain", "unreal engine 5", "volumetric fog", "award winning", "--ar 16:9", "--v 5", "hyperrealism",
    "dramatic shadows", "golden ratio", "concept art", "matte painting", "vivid colors",
]  # fmt: skip
FOREIGN = [
    [
        "auf der Straße neben dem alten Brunnen.",
        "und im Hintergrund stehen viele Häuser",
        "während die Kinder mit dem Hund spielen.",
    ],
    [
        "junto a una mesa de madera con platos.",
        "y un perro que duerme bajo la ventana",
        "mientras la gente camina por la plaza.",
    ],
    [
        "devant une grande maison aux volets bleus.",
        "et une femme qui porte un panier",
        "pendant que les enfants jouent dans la cour.",
    ],
    ["на старой улице возле дома.", "и женщина держит красный зонт", "пока дети играют во дворе."],
    ["が公園のベンチに座っています。", "赤い車が道路に止まっている", "空は青くて雲が少しあります。"],
    ["di fronte a una vecchia chiesa.", "con un cappello rosso in mano", "mentre il sole tramonta sul mare."],
    ["obok starego drzewa przy drodze.", "i kobieta z dzieckiem na rękach", "podczas gdy pada deszcz."],
]
ACCENTED = [
    "A café’s façade — “Chez André” — by the Seine.", "The señora’s piñata hangs over the patio…", "Zwei Brötchen für 3 € on a plate.",
    "Smørrebrød on a naïve painter’s table.", "A “crème brûlée” beside the menu — déjà vu.", "Malmö’s old harbour at 20 °C.",
]  # fmt: skip
SWAPS = {
    "a": "the",
    "the": "a",
    "is": "was",
    "are": "were",
    "on": "upon",
    "in": "inside",
    "two": "three",
    "near": "by",
    "of": "with",
}
VAGUE = [
    "There are some things here.", "It is a nice picture of something.", "An object near another object.", "Something is happening somewhere.", "This is what it looks like.",
    "There is a thing and also other things around it.", "A person or an item can be found in this place.", "Various elements are present in the scene.",
    "Everything is where it usually is.", "Some stuff is in the middle.", "It shows a place with a few details.", "You can see many different things in it.",
    "The subject is located in an area.", "A part of it is next to another part.",
]  # fmt: skip
ATMOSPHERE = [
    "The overall mood is one of serenity and quiet wonder.", "It invites the viewer to reflect on the passage of time.", "A testament to the enduring beauty of everyday life.",
    "The composition evokes a sense of nostalgia and longing.", "One can almost feel the emotion behind this moment.", "It reminds us that happiness lies in simple pleasures.",
    "The interplay of contrasts speaks to the complexity of existence.", "This captures the essence of human connection.", "Perhaps they are thinking about what tomorrow will bring.",
    "It suggests a story of hope, loss and renewal.", "The atmosphere seems to be relaxed and full of anticipation.", "There is an undeniable energy that transcends the ordinary.",
    "It may have been taken during an important event.", "A powerful statement about freedom and belonging.",
]  # fmt: skip
POSTS = [
    "omg love this!! follow me for more #sunset #nofilter", "Photo by J. Marlowe / Picturewire. All rights reserved.", "#@@ #instagood #photooftheday #love #tbt", "lol when ur mom says no more @@ 😂😂",
    "Thanks for 10k followers, link in bio!", "2,341 likes - view all 58 comments", "Happy Friday everyone! Tag a friend who needs this", "(AP Photo/Dana Whitlow, File)",
    "Reposted from my other account, dm for credit", "First!", "@mia_travels where did you get that @@???", "Posted on March 4, 2014 by admin in Uncategorized",
    "can't believe it's monday again smh", "giveaway closes tonight, don't miss it",
]  # fmt: skip
ERRORS = [
    "Traceback (most recent call last):", "TypeError: 'NoneType' object is not subscriptable", "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB", "HTTP 503 Service Unavailable",
    "Error: failed to decode response after 3 retries", "null", "File \"caption.py\", line 88, in generate", "Segmentation fault (core dumped)", "429 Too Many Requests, please try again later.",
    "Uncaught ReferenceError: img is not defined at main.js:14", "The request timed out while waiting for the server.", "WARNING: token indices sequence length is longer than 512",
    "AssertionError", "Your session has expired. Please log in again.", "Invalid image format, expected JPEG or PNG",
]  # fmt: skip
BOXES = [
    "{word} {score} [{x}, {y}, {x1}, {y1}]", "{word}: {score:.0%}", "({x},{y}),({x1},{y1}) {word}", "{word} bbox={x} {y} {x1} {y1} conf={score}", "{word} at position ({x}, {y})", "1x {word} ({score})",
]  # fmt: skip
